import type pg from 'pg';
import { minKey } from '../../../domain/migration/key-range.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { multirangeOf } from '../../../postgres/ledger/id-multirange.js';
import { forgetMovedIds, movedIds } from '../../../postgres/ledger/moved-rows.js';
import { expectGone } from '../remaining-rows.js';
import type { RowMapping } from '../row-mapping.js';
import { rowShape } from './set-aside.js';

/** What was taken out of the target. */
export interface Cleared {
  /** How many of the ids runs of the kind owned, whether the rows were still there or not. */
  readonly owned: number;
  readonly setAside: number;
}

/**
 * Takes rows out of the target, by ascending ids. Owned rows are deleted, others are set aside in the ledger first: as JSON to be read, and as
 * PostgreSQL's own text of the row, since JSON has one form for a JSON null and a missing value.
 */
export async function clearTargetRows(
  client: pg.ClientBase,
  mapping: RowMapping,
  migrationId: string,
  ids: readonly bigint[],
): Promise<Cleared> {
  const [min, greatest] = [ids[0], ids.at(-1)];
  if (min === undefined || greatest === undefined) return { owned: 0, setAside: 0 };
  const key = quoteIdentifier(mapping.target.key);
  const table = quoteIdentifier(mapping.target.schema, mapping.target.table);
  // No run owns the least key there can be: preflight refuses a source that has it.
  const owned = await movedIds(client, mapping, min === minKey ? min : min - 1n, greatest);
  const aside = await client.query(
    `insert into ledger.set_aside (migration_id, kind, table_name, source_id, payload)
     select $1, $2, $3, row.${key}, to_jsonb(row) || jsonb_build_object('exact', row::text, 'shape', ${rowShape(table)})
       from ${table} as row
      where row.${key} = any ($4::bigint[]) and not row.${key}::bigint <@ $5::int8multirange`,
    [migrationId, mapping.kind, mapping.table, ids.map(String), owned],
  );
  await client.query(`delete from ${table} where ${key} = any ($1::bigint[])`, [ids.map(String)]);
  await forgetMovedIds(client, mapping, multirangeOf(ids));
  const counted = await client.query<{ owned: string }>(
    'select count(*) as owned from unnest($1::bigint[]) as wanted (id) where id <@ $2::int8multirange',
    [ids.map(String), owned],
  );
  return { owned: Number(counted.rows[0]?.owned ?? 0), setAside: aside.rowCount ?? 0 };
}

/** In the transaction that cleared them, at its end: throws when a trigger or rule kept rows, or has put them back. */
export async function expectCleared(client: pg.ClientBase, mapping: RowMapping, ids: readonly bigint[]): Promise<void> {
  const [min, upto] = [ids[0], ids.at(-1)];
  if (min === undefined || upto === undefined) return;
  const span = { after: min === minKey ? min : min - 1n, upto };
  await expectGone(client, mapping.target, span, multirangeOf(ids));
}
