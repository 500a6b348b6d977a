import type pg from 'pg';

const key = "hashtextextended('cubeshift starts of migrations', 0)";

/** SQL of a table of one row: a statement that selects from it waits while `holdStarts` is held, and holds that back meanwhile. */
export const noStartsHeld = `(select pg_advisory_xact_lock_shared(${key})) as no_starts_held`;

/** Until the transaction ends no migration is put on record; it waits. */
export async function holdStarts(client: pg.ClientBase): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(${key})`);
}
