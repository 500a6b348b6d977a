import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMigration } from '../../src/postgres/ledger/run-view.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

/** What retries and repairs say that they did, in the view of their run. */
let databases: TestDatabases;
let run: RowsRun;

beforeEach(async () => {
  databases = await createDatabases(1500);
  run = await RowsRun.open(databases, 'counted');
});
afterEach(async () => {
  await run.close();
  await databases.drop();
});

/** Makes a thousand rejects, and returns the ids of the 66 first: the others stay as they are. */
async function rejectThousand(): Promise<readonly string[]> {
  await databases.legacy.query(`delete from saju_records where id in (${[...databases.rejected.keys()].join(', ')})`);
  const found = await databases.legacy.query<{ id: string }>(
    `update saju_records set user_id = ' ' where id in (select id from saju_records order by id limit 1000) returning id`,
  );
  await run.copy();
  return found.rows
    .map(({ id }) => id)
    .sort((a, b) => Number(a) - Number(b))
    .slice(0, 66);
}

async function lastOperation() {
  return (await readMigration(run.databases.cube, run.id))?.last_operation;
}

/** A reach of crash points that ends the work at the first of this name, as a crash does. */
function crashAt(name: string) {
  let isOver = false;
  return (reached: string) => {
    if (isOver || reached !== name) return;
    isOver = true;
    throw new Error(`crashed at ${name}`);
  };
}

test('a retry counts what went through, what is as before, what has another reason and what is gone', async () => {
  const [deleted, other, ...mended] = await rejectThousand();
  expect((await readMigration(run.databases.cube, run.id))?.last_operation).toBeNull();
  await databases.legacy.query("update saju_records set user_id = 'mended' where id = any ($1)", [mended]);
  await databases.legacy.query("update saju_records set user_id = 'mended', birth_hour = 25 where id = $1", [other]);
  await databases.legacy.query('delete from saju_records where id = $1', [deleted]);
  await run.retryRejects();
  expect(await lastOperation()).toMatchObject({
    action: 'rejects/retry',
    retried: { tried: 1000, moved: 64, as_before: 934, other_reason: 1, gone: 1, children_moved: 0 },
    summary: '64 of 1,000 rejects went through, 934 as before, 1 rejected for another reason, 1 no longer in legacy.',
  });
});

test.each(['before-repair-commit', 'after-repair-commit'])(
  'a retry that dies %s and is done again counts each reject once',
  async (point) => {
    const mended = await rejectThousand();
    await databases.legacy.query("update saju_records set user_id = 'mended' where id = any ($1)", [mended]);
    await expect(run.retryRejects('all', crashAt(point))).rejects.toThrow();
    const unfinished = await lastOperation();
    expect(unfinished).toMatchObject({ finished_at: null, retried: { tried: 1000 } });
    expect(unfinished?.summary).toBe(`${unfinished?.retried?.moved} of 1,000 rejects went through so far.`);
    await run.retryRejects();
    expect(await lastOperation()).toMatchObject({
      finished_at: expect.any(String),
      retried: { tried: 1000, moved: 66, as_before: 934 },
      summary: '66 of 1,000 rejects went through, 934 as before.',
    });
  },
);

test('a retry that dies counts a reject that got another reason once, and one that has finished does nothing more', async () => {
  const [other] = await rejectThousand();
  await databases.legacy.query("update saju_records set user_id = 'mended', birth_hour = 25 where id = $1", [other]);
  await expect(run.retryRejects('all', crashAt('after-repair-commit'))).rejects.toThrow();
  await run.retryRejects();
  const counts = { tried: 1000, moved: 0, as_before: 999, other_reason: 1 };
  expect(await lastOperation()).toMatchObject({ finished_at: expect.any(String), retried: counts });
  const attempts = async () =>
    (await databases.cube.query('select sum(attempts) as attempts from ledger.rejects')).rows[0]?.attempts;
  const before = await attempts();
  expect(Number(before)).toBe(2000);
  await databases.legacy.query("update saju_records set user_id = 'mended', birth_hour = 1 where id = $1", [other]);
  await run.retryAgain();
  expect(await lastOperation()).toMatchObject({ retried: counts });
  expect(await attempts()).toBe(before);
});

test('a retry of some ids or of one reason counts those alone', async () => {
  const [first, second] = await rejectThousand();
  await run.retryRejects([first, second].map((id) => ({ table: 'saju_records', id: id ?? '' })));
  expect(await lastOperation()).toMatchObject({ retried: { tried: 2, moved: 0, as_before: 2 } });
  // Outside of a plan no command tells this retry from the one before.
  await databases.cube.query("insert into ledger.events (migration_id, what, by) values ($1, 'rejects/retry', 'kim')", [
    run.id,
  ]);
  await run.retryRejects({ table: 'saju_records', reason: 'user_id_empty' });
  expect(await lastOperation()).toMatchObject({ by: 'kim', retried: { tried: 1000, moved: 0, as_before: 1000 } });
});

test.each([undefined, 'before-repair-commit', 'after-repair-commit'])(
  'a repair counts each kind of difference once, when it dies %s too',
  async (point) => {
    await run.copy();
    const { cube } = databases;
    const { rows } = await cube.query<{ id: string }>('select id from saju.charts order by id limit 6');
    const [gone, also, changed, spoiled, foreign, unknown] = rows.map(({ id }) => id);
    await cube.query('delete from saju.charts where id in ($1, $2)', [gone, also]);
    await cube.query("update saju.charts set interpretation = 'other' where id in ($1, $2)", [changed, spoiled]);
    await databases.legacy.query("update saju_records set user_id = '' where id = $1", [spoiled]);
    await databases.legacy.query('delete from saju_records where id = $1', [foreign]);
    await cube.query(
      "insert into saju.charts select 800001, user_id, birth_info, saju_chart, convention, 'x', now() from saju.charts where id = $1",
      [unknown],
    );
    await run.verify();
    if (point !== undefined) await expect(run.repair(crashAt(point))).rejects.toThrow();
    await run.repair();
    const operation = await lastOperation();
    expect(operation).toMatchObject({
      action: 'repair',
      retried: null,
      repaired: { missing: 2, different: 2, extra: 2, repeated: 0, set_aside: 1, rejected: 1, children_moved: 0 },
    });
    expect(operation?.summary).toMatch(
      /^Rows repaired: 2 missing, 2 different, 2 extra\b.*\. 1 of them cannot be moved and became rejects\. 1 rows that no run had put there were set aside in the ledger\.$/,
    );
    expect((await run.verify()).clean).toBe(true);
  },
);

test('a repair of nothing but rejects whose rows legacy deleted says so', async () => {
  const [deleted, also] = await rejectThousand();
  await databases.legacy.query('delete from saju_records where id in ($1, $2)', [deleted, also]);
  expect((await run.verify()).clean).toBe(false);
  await run.repair();
  expect(await lastOperation()).toMatchObject({
    repaired: { rejects_gone: 2, extra: 0, rejected: 0 },
    summary: 'Rows repaired: 2 that had been rejected and that legacy no longer has.',
  });
  expect((await run.verify()).clean).toBe(true);
});
