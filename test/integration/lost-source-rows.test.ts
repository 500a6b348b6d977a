import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { RowsRun } from '../support/rows-run.js';

/** Legacy lost most of what the target still has, in the middle and at the end: no step may hold the whole hole at once. */
const records = 6000;
const rangeRows = 500;
let databases: TestDatabases;
let first: RowsRun;
/** Ids that only the target has now. */
let lost: readonly string[];

beforeAll(async () => {
  databases = await createDatabases(records);
  first = await RowsRun.open(databases, 'before-the-loss');
  await first.copy();
  await databases.cube.query('create table public.before as select id from saju.charts');
  await databases.legacy.query(
    `delete from saju_records
      where id in (select id from (select id, row_number() over (order by id) as place from saju_records) as r
                    where place between 100 and 4000 or place > 5000)`,
  );
  const left = await databases.legacy.query<{ id: string }>('select id from saju_records');
  const gone = await databases.cube.query<{ id: string }>(
    'select id from saju.charts where id <> all ($1::bigint[]) order by id',
    [left.rows.map(({ id }) => id)],
  );
  lost = gone.rows.map(({ id }) => id);
  expect(lost.length).toBeGreaterThan(4500);
});
afterAll(async () => {
  await first.close();
  await databases.drop();
});

test('a comparison holds no more rows of either side at once than it may, reports each range, and finds all', async () => {
  const verificationId = await first.startVerification();
  const told: bigint[] = [];
  await first.goOnVerifying(verificationId, { rangeRows, onRange: ({ position }) => told.push(position) });
  const compared = await databases.cube.query<{ source: number; target: number; ranges: number; differ: number }>(
    `select max(source_rows)::int as source, max(target_rows)::int as target, count(*)::int as ranges,
            sum(mismatched)::int as differ
       from ledger.verified_ranges where verification_id = $1`,
    [verificationId],
  );
  const [found] = compared.rows;
  expect(found?.source).toBeLessThanOrEqual(rangeRows);
  expect(found?.target).toBeLessThanOrEqual(rangeRows);
  expect(told).toHaveLength(found?.ranges ?? 0);
  const vanished = await databases.cube.query(
    "select from ledger.mismatches where verification_id = $1 and field = 'rejected row'",
    [verificationId],
  );
  expect(found?.differ).toBe(lost.length + (vanished.rowCount ?? 0));
});

test('a comparison whose rounds have no time goes on all the same, a range or two a round', async () => {
  const verificationId = await first.startVerification();
  let rounds = 0;
  for (let outcome = ''; outcome !== 'finished'; rounds++) {
    expect(rounds).toBeLessThan(100);
    outcome = await first.goOnVerifying(verificationId, { rangeRows, roundMillis: 0 });
  }
  const compared = await databases.cube.query<{ ranges: number }>(
    'select count(*)::int as ranges from ledger.verified_ranges where verification_id = $1',
    [verificationId],
  );
  expect(rounds).toBeLessThanOrEqual((compared.rows[0]?.ranges ?? 0) + 1);
});

test('a run that adopts takes out what legacy lost, range by range of a bounded number of rows', async () => {
  await databases.cube.query("update ledger.migrations set status = 'cancelled', finished_at = now()");
  const second = await RowsRun.open(databases, 'after-the-loss');
  try {
    await second.copy({ rangeRows, adopts: true });
  } finally {
    await second.close();
  }
  await expectTargetEqualsSource(databases);
  const ranges = await databases.cube.query<{ rows: number }>(
    `select (select count(*)::int from public.before where id > after and id <= upto) as rows
       from ledger.ranges where migration_id = 'after-the-loss'`,
  );
  expect(ranges.rows.length).toBeGreaterThan(records / rangeRows);
  expect(Math.max(...ranges.rows.map(({ rows }) => rows))).toBeLessThanOrEqual(rangeRows);
});
