import type pg from 'pg';

export interface RejectItem {
  readonly id: string;
  readonly reason: string;
  readonly detail: string;
  readonly payload: unknown;
  readonly attempts: number;
}

/** A page of what is not in the target, by id. `after` is the last id of the page before. */
export async function readRejectPage(
  cube: pg.Pool,
  migrationId: string,
  after: string,
  limit: number,
): Promise<readonly RejectItem[]> {
  const found = await cube.query<RejectItem>(
    `select source_id::text as id, reason, detail, payload, attempts from ledger.rejects
      where migration_id = $1 and source_id > $2 and resolution in ('open', 'accepted') order by source_id limit $3`,
    [migrationId, after, limit],
  );
  return found.rows;
}

/** Whether at least one of the ids is a reject of the run that is not in the target. */
export async function hasUnresolvedReject(
  cube: pg.Pool,
  migrationId: string,
  ids: readonly string[],
): Promise<boolean> {
  const found = await cube.query(
    `select from ledger.rejects
      where migration_id = $1 and source_id = any($2::bigint[]) and resolution in ('open', 'accepted') limit 1`,
    [migrationId, ids],
  );
  return found.rowCount === 1;
}
