import type pg from 'pg';
import type { MovedTable } from '../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../postgres/connect.js';

/** Batches that are checked of each table, newest and by chance: enough to see a lost table or a restored backup at once. */
const batchesEach = 100;

/**
 * Whether the rows that runs of a kind moved are still in its tables, by the newest batches and as many by
 * chance; takes about a second, however large the tables are.
 */
export async function countMovedRows(cube: pg.Pool, tables: readonly MovedTable[]): Promise<MovedRowCounts> {
  const total = { moved: 0, present: 0 };
  for (const table of tables) {
    const { moved, present } = await countMovedIn(cube, table);
    total.moved += moved;
    total.present += present;
  }
  return total;
}

export interface MovedRowCounts {
  readonly moved: number;
  readonly present: number;
}

async function countMovedIn(cube: pg.Pool, { kind, table, target }: MovedTable): Promise<MovedRowCounts> {
  const rows = quoteIdentifier(target.schema, target.table);
  const key = quoteIdentifier(target.key);
  const found = await cube.query<{ moved: string; present: string }>(
    `with picked as (
       (select ids from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' order by id desc limit $3)
       union all
       (select ids from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' order by random() limit $3)),
     spans as (select unnest(range_agg(ids)) as span from picked)
     select coalesce(sum(upper(span) - lower(span)), 0) as moved,
            coalesce(sum((select count(*) from ${rows} as row
                           where row.${key} >= lower(span) and row.${key} < upper(span))), 0) as present
       from spans where not upper_inf(span)`,
    [kind, table, batchesEach],
  );
  const [row] = found.rows;
  return { moved: Number(row?.moved ?? 0), present: Number(row?.present ?? 0) };
}
