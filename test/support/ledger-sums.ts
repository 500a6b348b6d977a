import { expect } from 'vitest';
import type { TestDatabases } from './databases.js';

/**
 * The log of a run adds up: its batches together moved every row that the source has, less the rejects, no id was copied
 * twice, and what the batches own is exactly what the target holds.
 */
export async function expectLedgerAddsUp(databases: TestDatabases, migrationId: string): Promise<void> {
  const source = await databases.legacy.query<{ count: number }>('select count(*)::int as count from saju_records');
  const expected = (source.rows[0]?.count ?? 0) - databases.rejected.size;
  const sums = await databases.cube.query<{ migrated: number; rejected: number }>(
    `select coalesce(sum(migrated), 0)::int as migrated, coalesce(sum(rejected), 0)::int as rejected
       from ledger.batches where migration_id = $1 and origin = 'copied'`,
    [migrationId],
  );
  expect(sums.rows[0]).toEqual({ migrated: expected, rejected: databases.rejected.size });
  const owned = `select generate_series(lower(run), upper(run) - 1) as id
       from ledger.batches, unnest(ids) as run where migration_id = $1 and state in ('owned', 'final')`;
  const twice = await databases.cube.query(`${owned} and origin = 'copied' group by 1 having count(*) > 1`, [
    migrationId,
  ]);
  expect(twice.rows).toEqual([]);
  const astray = await databases.cube.query(
    `select id from (${owned}) as owned full join saju.charts using (id)
      where owned.id is null or charts.id is null limit 5`,
    [migrationId],
  );
  expect(astray.rows).toEqual([]);
  const unfinished = await databases.cube.query(
    "select id from ledger.ranges where migration_id = $1 and state <> 'done'",
    [migrationId],
  );
  expect(unfinished.rows).toEqual([]);
}
