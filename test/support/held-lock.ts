import type pg from 'pg';

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
