import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

const records = 6000;
let databases: TestDatabases;
let engine: Engine;
let runs = 0;
let first = '';
let second = '';

beforeAll(async () => {
  databases = await createDatabases(records);
  engine = await Engine.start(databases);
});
beforeEach(() => {
  runs++;
  first = `first-${runs}`;
  second = `second-${runs}`;
});
/** Also the proof that a rollback after an adoption removes the rows of both runs. */
afterEach(async () => {
  const { finished_at } = await engine.view(second);
  if (finished_at === null) await engine.steer(second, 'rollback');
  await engine.waitFor(second, 'rolled back', ({ status }) => status === 'rolled_back');
  const left = await databases.cube.query('select id from saju.charts');
  await databases.cube.query('delete from saju.charts');
  expect(left.rows).toEqual([]);
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

/** Copies all and cancels: what the second run finds. */
async function cancelledRun(): Promise<void> {
  await engine.startMigration(first);
  await engine.waitForRest(first);
  await engine.steer(first, 'cancel');
  await engine.waitFor(first, 'cancelled', ({ status }) => status === 'cancelled');
}

async function adopt() {
  await engine.startMigration(second);
  const view = await engine.waitForRest(second);
  expect(view.error).toBeNull();
  expect(view).toMatchObject({ status: 'waiting', stage: 'verified', verification: { status: 'clean' } });
  const moved = await databases.cube.query<{ origin: string; migrated: number }>(
    `select origin, sum(migrated)::int as migrated from ledger.batches where migration_id = $1 and state = 'owned' and migrated > 0 group by origin`,
    [second],
  );
  return { view, moved: new Map(moved.rows.map(({ origin, migrated }) => [origin, migrated])) };
}

/** Moved and rejected add up to the source, and what is told as moved is what is there. */
async function expectCountsToAddUp(view: Awaited<ReturnType<typeof adopt>>['view']): Promise<void> {
  const source = await databases.legacy.query<{ count: number }>('select count(*)::int as count from saju_records');
  const target = await databases.cube.query<{ count: number }>('select count(*)::int as count from saju.charts');
  expect(view.progress.migrated).toBe(target.rows[0]?.count);
  expect(view.progress.migrated + view.progress.rejected).toBe(source.rows[0]?.count);
  expect(view.progress.total).toBe(source.rows[0]?.count);
}

/** Good rows of the middle, so many apart. */
async function someIds(count: number, offset: number): Promise<readonly string[]> {
  const found = await databases.legacy.query<{ id: string }>(
    `select id from (select id, row_number() over (order by id) as place from saju_records) as r
      where place > $1 and place % 100 not in (38, 39) and place % 37 = 0 order by id limit $2`,
    [offset, count],
  );
  return found.rows.map((row) => row.id).filter((id) => !databases.rejected.has(id));
}

test('a run adopts what a cancelled one left, without copying a row again', async () => {
  await cancelledRun();
  const before = await databases.cube.query('select max(migrated_at) as last from saju.charts');
  const { view, moved } = await adopt();
  expect(moved).toEqual(new Map([['adopted', records - records / 100]]));
  const after = await databases.cube.query('select max(migrated_at) as last from saju.charts');
  expect(after.rows).toEqual(before.rows);
  await expectTargetEqualsSource(databases);
  await expectCountsToAddUp(view);
});

test('a run that was cancelled in the middle is adopted as far as it came, and copied from there', async () => {
  await engine.startMigration(first, { rows_per_second: 2000, batch_rows: 100 });
  await engine.waitFor(first, 'a third done', ({ progress }) => progress.migrated > records / 3);
  await engine.steer(first, 'cancel');
  const cancelled = await engine.waitFor(first, 'cancelled', ({ status }) => status === 'cancelled');
  const { view, moved } = await adopt();
  expect(moved.get('adopted')).toBeGreaterThan(0);
  expect(moved.get('adopted')).toBeLessThanOrEqual(cancelled.progress.migrated);
  await expectTargetEqualsSource(databases);
  await expectCountsToAddUp(view);
});

test('rows that changed in legacy between the runs are copied again, and only they', async () => {
  await cancelledRun();
  const ids = await someIds(20, 100);
  await databases.legacy.query("update saju_records set user_id = user_id || '-new' where id = any ($1)", [ids]);
  const damaged = (await someIds(30, 4000)).slice(-5);
  await databases.cube.query('delete from saju.charts where id = any ($1)', [damaged]);
  const { view, moved } = await adopt();
  expect(moved.get('copied')).toBe(ids.length + damaged.length);
  await expectTargetEqualsSource(databases);
  await expectCountsToAddUp(view);
});

test('rows that were added in legacy between the runs come, in holes and behind the last id', async () => {
  await cancelledRun();
  const added = await databases.legacy.query<{ id: string }>(
    `insert into saju_records
     select case when n <= 10 then hole.id else 8000000 + n end, user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute,
            is_solar, is_leap_month, year_pillar, month_pillar, day_pillar, hour_pillar, convention, interpretation, created_at, updated_at
       from (select id + 1 as id, row_number() over (order by id) as n from saju_records r
              where not exists (select 1 from saju_records x where x.id = r.id + 1) order by id limit 11) as hole
       cross join (select * from saju_records where birth_hour = 3 and length(user_id) > 3 and is_solar and created_at > '2014-01-01' and created_at < '2026-01-01' order by id limit 1) as model
     returning id`,
  );
  expect(added.rowCount).toBe(11);
  try {
    const { view, moved } = await adopt();
    expect(moved.get('copied')).toBe(11);
    await expectTargetEqualsSource(databases);
    await expectCountsToAddUp(view);
  } finally {
    await databases.legacy.query('delete from saju_records where id = any ($1)', [added.rows.map(({ id }) => id)]);
  }
});

test('rejects of the cancelled run that were mended in legacy move, and the others stay rejects', async () => {
  await cancelledRun();
  const mended = await databases.legacy.query<{ id: string }>(
    'update saju_records set birth_minute = 59 where birth_minute > 59 returning id',
  );
  expect(mended.rowCount).toBeGreaterThan(0);
  const rejected = new Map(databases.rejected);
  for (const { id } of mended.rows) rejected.delete(id);
  const { view, moved } = await adopt();
  expect(moved.get('copied')).toBe(mended.rowCount);
  await expectTargetEqualsSource({ ...databases, rejected });
  await expectCountsToAddUp(view);
  await databases.legacy.query('update saju_records set birth_minute = 60 where id = any ($1)', [
    mended.rows.map(({ id }) => id),
  ]);
});

test('a range in which most rows changed is copied whole', async () => {
  await cancelledRun();
  await databases.legacy.query("update saju_records set interpretation = coalesce(interpretation, '') || '.'");
  const { view } = await adopt();
  await expectTargetEqualsSource(databases);
  await expectCountsToAddUp(view);
});

test('rows that were deleted in legacy between the runs leave the target, and the counts still add up', async () => {
  await cancelledRun();
  const ids = await someIds(15, 200);
  await databases.legacy.query('delete from saju_records where id = any ($1)', [ids]);
  const { view } = await adopt();
  await expectTargetEqualsSource(databases);
  await expectCountsToAddUp(view);
});

test('rows that were deleted in legacy behind the last id that is left leave the target too', async () => {
  await cancelledRun();
  await databases.legacy.query(
    'delete from saju_records where id > (select id from saju_records order by id desc offset 40 limit 1)',
  );
  const { view } = await adopt();
  await expectTargetEqualsSource(databases);
  await expectCountsToAddUp(view);
});
