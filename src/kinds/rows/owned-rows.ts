import type pg from 'pg';
import type { MovedTable } from '../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../postgres/connect.js';

/** Batches looked at of each table, newest and by chance: enough to see a lost table or a restored backup at once. */
const batchesEach = 100;

/**
 * Whether what the ledger says that runs of a kind own in its tables is there, by the newest batches and as many by
 * chance; a look of a second, however large the tables.
 */
export async function countOwnedRows(cube: pg.Pool, tables: readonly MovedTable[]): Promise<OwnedRows> {
  const total = { owned: 0, present: 0 };
  for (const table of tables) {
    const { owned, present } = await countOwnedIn(cube, table);
    total.owned += owned;
    total.present += present;
  }
  return total;
}

export interface OwnedRows {
  readonly owned: number;
  readonly present: number;
}

async function countOwnedIn(cube: pg.Pool, { kind, table, target }: MovedTable): Promise<OwnedRows> {
  const rows = quoteIdentifier(target.schema, target.table);
  const key = quoteIdentifier(target.key);
  const found = await cube.query<{ owned: string; present: string }>(
    `with picked as (
       (select ids from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' order by id desc limit $3)
       union all
       (select ids from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' order by random() limit $3)),
     spans as (select unnest(range_agg(ids)) as span from picked)
     select coalesce(sum(upper(span) - lower(span)), 0) as owned,
            coalesce(sum((select count(*) from ${rows} as row
                           where row.${key} >= lower(span) and row.${key} < upper(span))), 0) as present
       from spans where not upper_inf(span)`,
    [kind, table, batchesEach],
  );
  const [row] = found.rows;
  return { owned: Number(row?.owned ?? 0), present: Number(row?.present ?? 0) };
}
