import type pg from 'pg';

/** The greatest id of a table that the newest pass has covered; undefined where none was made: then every row counts. */
export async function readHorizon(cube: pg.Pool, migrationId: string, table: string): Promise<bigint | undefined> {
  const found = await cube.query<{ horizon: string }>(
    'select horizon from ledger.pass_horizons where migration_id = $1 and table_name = $2',
    [migrationId, table],
  );
  const horizon = found.rows[0]?.horizon;
  return horizon === undefined ? undefined : BigInt(horizon);
}

export async function recordHorizon(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  horizon: bigint,
): Promise<void> {
  await client.query(
    `insert into ledger.pass_horizons (migration_id, table_name, horizon) values ($1, $2, $3)
     on conflict (migration_id, table_name) do update set horizon = excluded.horizon`,
    [migrationId, table, horizon.toString()],
  );
}
