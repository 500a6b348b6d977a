import { Failure } from '../../../base/failures.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import type { Side } from '../../../domain/side.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import type { Queryable } from './grants.js';

/** Throws `permission_denied` when row level security would hide rows of a table from the connected role. */
export async function checkUnfiltered(
  client: Queryable,
  side: Side,
  { schema, table }: Pick<TableRule, 'schema' | 'table'>,
): Promise<void> {
  const found = await client.query<{ role: string; owns: boolean }>(
    `select current_user::text as role, pg_has_role(relowner, 'USAGE') as owns
       from pg_class where oid = to_regclass($1) and row_security_active(oid)`,
    [quoteIdentifier(schema, table)],
  );
  const [filtered] = found.rows;
  if (filtered === undefined) return;
  // For its owner a table is filtered by FORCE alone.
  const unforce = filtered.owns
    ? `as its owner: ALTER TABLE ${quoteIdentifier(schema, table)} NO FORCE ROW LEVEL SECURITY; or `
    : '';
  const hint = `${unforce}as a superuser there: ALTER ROLE ${quoteIdentifier(filtered.role)} BYPASSRLS;`;
  throw new Failure(
    'permission_denied',
    `Row level security on table ${schema}.${table} of the ${side} database would hide rows from the engine's role.`,
    { hint: `${hint.charAt(0).toUpperCase()}${hint.slice(1)}` },
  );
}
