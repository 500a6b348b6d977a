import type pg from 'pg';
import { Failure } from '../../../base/failures.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import type { Side } from '../../../domain/side.js';
import { quoteIdentifier } from '../../../postgres/connect.js';

/** A pool or a connection: what short statements are sent on. */
export type Queryable = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;

interface MissingGrant {
  /** Completes "may not …". */
  readonly deed: string;
  readonly statement: string;
}

/**
 * Throws `permission_denied` when the connected role lacks `rights` on a table, or the use of its schema: all that is
 * missing at once, as the statements to type. A table that is not there lacks nothing.
 */
export async function checkGrants(
  client: Queryable,
  side: Side,
  { schema, table }: Pick<TableRule, 'schema' | 'table'>,
  rights: readonly string[],
  who = "The engine's role",
): Promise<void> {
  const found = await client.query<{ role: string; usable: boolean; granted: boolean[] }>(
    `select current_user::text as role, pg_catalog.has_schema_privilege(n.oid, 'USAGE') as usable,
            array(select pg_catalog.has_table_privilege(c.oid, r.name)
                    from unnest($3::text[]) with ordinality as r (name, place) order by r.place) as granted
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2`,
    [schema, table, rights],
  );
  const row = found.rows[0];
  if (row === undefined) return;
  const lacking = rights.filter((_, place) => row.granted[place] !== true);
  const on = quoteIdentifier(schema, table);
  throwMissing(side, row.role, who, [
    ...(row.usable ? [] : [{ deed: `use schema ${schema}`, statement: `USAGE ON SCHEMA ${quoteIdentifier(schema)}` }]),
    ...(lacking.length === 0
      ? []
      : [
          {
            deed: `${lacking.join(', ')} on table ${schema}.${table}`,
            statement: `${lacking.join(', ').toUpperCase()} ON ${on}`,
          },
        ]),
  ]);
}

/** Throws `permission_denied` when the connected role may not make schemas in the database. */
export async function checkMayCreate(client: Queryable, side: Side): Promise<void> {
  const found = await client.query<{ role: string; database: string; granted: boolean }>(
    `select current_user::text as role, current_database()::text as database,
            pg_catalog.has_database_privilege(current_database(), 'CREATE') as granted`,
  );
  const row = found.rows[0];
  if (row === undefined || row.granted) return;
  const statement = `CREATE ON DATABASE ${quoteIdentifier(row.database)}`;
  throwMissing(side, row.role, "The engine's role", [{ deed: `make schemas in database ${row.database}`, statement }]);
}

function throwMissing(side: Side, role: string, who: string, missing: readonly MissingGrant[]): void {
  if (missing.length === 0) return;
  const deeds = missing.map(({ deed }) => deed).join(', nor ');
  const statements = missing.map(({ statement }) => `GRANT ${statement} TO ${quoteIdentifier(role)};`);
  throw new Failure('permission_denied', `${who} may not ${deeds} of the ${side} database.`, {
    hint: `As the owner there: ${statements.join(' ')}`,
  });
}
