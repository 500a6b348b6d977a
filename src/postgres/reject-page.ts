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
