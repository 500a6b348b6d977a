import type pg from 'pg';
import { inTransaction } from '../postgres/connect.js';
import { forUser } from '../postgres/users-statements.js';

const lockText = `select pg_advisory_xact_lock(hashtextextended('crawler job ' || $1, 0))`;

/**
 * Runs work under the lock of a job, which everything takes that calls legacy about it, or changes who runs it: what is decided by the runner
 * holds until the work has ended. In a transaction of the cube database, committed when the work returns.
 */
export function underJobLock<T>(cube: pg.Pool, jobId: string, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  return forUser('cube', () =>
    inTransaction(cube, async (client) => {
      await client.query(lockText, [jobId]);
      return work(client);
    }),
  );
}
