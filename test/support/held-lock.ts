import type pg from 'pg';
import { until } from './conditions.js';

/** Holds a table of a database for itself until released: whoever needs the table waits, as long as a test wants. */
export async function holdTable(pool: pg.Pool, table: string): Promise<() => Promise<void>> {
  const client = await pool.connect();
  await client.query('begin');
  await client.query(`lock table ${table} in access exclusive mode`);
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

/** Until a session of the database waits for a lock on the table: somebody arrived at what the test holds. */
export async function untilSomebodyWaitsFor(pool: pg.Pool, table: string): Promise<void> {
  await until(`somebody to wait for ${table}`, async () => {
    const waiting = await pool.query('select from pg_locks where relation = $1::regclass and not granted', [table]);
    return (waiting.rowCount ?? 0) > 0;
  });
}
