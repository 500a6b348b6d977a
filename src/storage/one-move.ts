import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { atSide } from '../postgres/databases.js';

const key = "hashtextextended('cubeshift move of the store', 0)";

/**
 * Runs a round of a move while no other runs, of whichever control API: each takes away what the one before it left half done. Throws
 * `not_at_this_stage` while one runs, most often one whose client gave it up. The lock ends with its session, and so with this program.
 */
export async function asOnlyMove<T>(cube: pg.Pool, work: () => Promise<T>): Promise<T> {
  const client = await atSide('cube', () => cube.connect());
  let broken: Error | undefined;
  try {
    await atSide('cube', () => take(client));
    try {
      return await work();
    } finally {
      await client.query(`select pg_advisory_unlock(${key})`).catch((error: Error) => {
        broken = error;
      });
    }
  } finally {
    client.release(broken);
  }
}

async function take(client: pg.PoolClient): Promise<void> {
  const taken = await client.query<{ free: boolean }>(`select pg_try_advisory_lock(${key}) as free`);
  if (taken.rows[0]?.free === true) return;
  throw new Failure('not_at_this_stage', 'Another call moves contents of the store at this moment.', {
    hint: 'Type the same again a little later: it goes on with what is not there yet.',
  });
}
