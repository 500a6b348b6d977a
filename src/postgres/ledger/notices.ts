import type pg from 'pg';

/** Puts something that a person should know of a run among its events, once. */
export async function recordNotice(
  cube: pg.Pool,
  migrationId: string,
  what: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await cube.query(
    `insert into ledger.events (migration_id, what, by, detail)
     select $1, $2, 'engine', $3::jsonb
      where not exists (select from ledger.events where migration_id = $1 and what = $2 and detail = $3::jsonb)`,
    [migrationId, what, JSON.stringify(detail)],
  );
}
