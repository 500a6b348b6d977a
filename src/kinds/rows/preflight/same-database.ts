import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Queryable } from './grants.js';

/**
 * Whether two connections lead to one database, by whatever addresses: `other` checks for a lock that `holder` takes.
 * `holder` must not be in a transaction; nothing of it is left.
 */
export async function isSameDatabase(holder: pg.ClientBase, other: Queryable): Promise<boolean> {
  // Of sixty-four bits by chance: no other lock is taken for this one.
  const key = randomBytes(8).readBigInt64BE().toString();
  await holder.query('begin');
  try {
    await holder.query('select pg_advisory_xact_lock($1::bigint)', [key]);
    const found = await other.query<{ held: boolean }>(
      // The form of the lock's key there: https://www.postgresql.org/docs/16/view-pg-locks.html
      `select exists (
         select from pg_locks
          where locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from pg_database where datname = current_database())
            and classid::bigint = ($1::bigint >> 32) & 4294967295 and objid::bigint = $1::bigint & 4294967295) as held`,
      [key],
    );
    return found.rows[0]?.held === true;
  } finally {
    await holder.query('rollback');
  }
}
