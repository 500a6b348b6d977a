import type pg from 'pg';
import { minKey } from '../../domain/migration/key-range.js';
import type { RejectItem } from '../../domain/migration/reject-item.js';
import type { RowRef } from '../../domain/migration/row-name.js';

/** A table whose rejects are listed. */
export interface RejectTable {
  readonly name: string;
  /** Whether other tables are children of it. */
  readonly isParent: boolean;
}

/**
 * A page of what is not in the target: table by table in the order given, and by id. `after` is the last row of the page
 * before.
 */
export async function readRejectPage(
  cube: pg.Pool,
  migrationId: string,
  tables: readonly RejectTable[],
  after: RowRef | undefined,
  max: number,
): Promise<readonly RejectItem[]> {
  const items: RejectItem[] = [];
  const first = after === undefined ? 0 : tables.findIndex(({ name }) => name === after.table);
  for (const { name, isParent } of tables.slice(first)) {
    const from = name === after?.table ? after.id : minKey.toString();
    const found = await cube.query<RejectItem>(
      `select table_name as table, source_id::text as id, reason, ${isParent ? detailWithChildren : 'to_json(detail)'} as detail,
              payload, attempts
         from ledger.rejects
        where migration_id = $1 and table_name = $2 and source_id > $3 and resolution in ('open', 'accepted')
        order by source_id limit $4`,
      [migrationId, name, from, max - items.length],
    );
    items.push(...found.rows);
    if (items.length === max) break;
  }
  return items;
}

const detailWithChildren = `json_build_object('children', (
  select count(*) from ledger.withheld as follower
   where follower.migration_id = $1 and reject_table = $2 and reject_id = rejects.source_id and released_at is null),
  'text', detail)`;

/** Whether at least one of the rows is a reject of the run that is not in the target. */
export async function hasUnresolvedReject(
  cube: pg.Pool,
  migrationId: string,
  rows: readonly RowRef[],
): Promise<boolean> {
  const found = await cube.query(
    `select from ledger.rejects
      where migration_id = $1 and (table_name, source_id) in (select * from unnest($2::text[], $3::bigint[]))
        and resolution in ('open', 'accepted') limit 1`,
    [migrationId, rows.map(({ table }) => table), rows.map(({ id }) => id)],
  );
  return found.rowCount === 1;
}
