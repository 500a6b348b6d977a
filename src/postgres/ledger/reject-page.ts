import type pg from 'pg';
import { minKey } from '../../domain/migration/key-range.js';
import type { RejectItem, RejectResolution } from '../../domain/migration/reject-item.js';
import type { RowRef } from '../../domain/migration/row-name.js';

/** A table whose rejects are listed. */
export interface RejectTable {
  readonly name: string;
  /** Whether other tables are children of it. */
  readonly isParent: boolean;
}

/** Which rejects are listed, and whether with the contents of their rows. */
export interface RejectPageRequest {
  readonly id?: string | undefined;
  readonly reason?: string | undefined;
  readonly resolution?: RejectResolution | undefined;
  readonly contents: boolean;
}

/**
 * A page of rejects: table by table in the order given, and by id. `after` is the last row of the page before. Left out are
 * rows that legacy no longer has, and those that follow another reject by now.
 */
export async function readRejectPage(
  cube: pg.Pool,
  migrationId: string,
  tables: readonly RejectTable[],
  { id, reason, resolution, contents }: RejectPageRequest,
  after: RowRef | undefined,
  max: number,
): Promise<readonly RejectItem[]> {
  const items: RejectItem[] = [];
  const first = after === undefined ? 0 : tables.findIndex(({ name }) => name === after.table);
  for (const { name, isParent } of tables.slice(Math.max(0, first))) {
    const from = name === after?.table ? after.id : minKey.toString();
    const found = await cube.query<Omit<RejectItem, 'at'> & { readonly at: Date | null }>(
      `select table_name as table, source_id::text as id, reason, ${isParent ? detailWithChildren : 'to_json(detail)'} as detail,
              ${contents ? 'payload,' : ''} attempts,
              case resolution when 'migrated' then 'moved' else resolution end as resolution,
              case resolution when 'accepted' then accepted_by when 'migrated' then ${mover} end as by,
              case resolution when 'accepted' then accepted_why end as why,
              case resolution when 'accepted' then accepted_at when 'migrated' then last_attempt_at end as at
         from ledger.rejects
        where migration_id = $1 and table_name = $2 and source_id > $3 and resolution = any ($5)
          and ($6::bigint is null or source_id = $6) and ($7::text is null or reason = $7)
        order by source_id limit $4`,
      [migrationId, name, from, max - items.length, ledgerResolutions(resolution), id ?? null, reason ?? null],
    );
    items.push(...found.rows.map((row) => ({ ...row, at: row.at?.toISOString() ?? null })));
    if (items.length === max) break;
  }
  return items;
}

function ledgerResolutions(wanted: RejectResolution | undefined): readonly string[] {
  if (wanted === undefined) return ['open', 'accepted', 'migrated'];
  return [wanted === 'moved' ? 'migrated' : wanted];
}

const detailWithChildren = `json_build_object('children', (
  select count(*) from ledger.withheld as follower
   where follower.migration_id = $1 and reject_table = $2 and reject_id = rejects.source_id and released_at is null),
  'text', detail)`;

/** Who sent the last command before the row was moved that moves rejects. */
const mover = `(
  select events.by from ledger.events
   where events.migration_id = $1 and what in ('rejects/retry', 'repair') and events.at <= last_attempt_at
   order by events.id desc limit 1)`;
