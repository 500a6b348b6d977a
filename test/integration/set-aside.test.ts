import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;
let run: RowsRun;

beforeEach(async () => {
  databases = await createDatabases(300);
  run = await RowsRun.open(databases, 'aside');
});
afterEach(async () => {
  await run.close();
  await databases.drop();
});

/** Foreign rows with every value that a detour could change. */
const odd = [
  `(5000001, ' a ', '{"year": 1.0, "x": null}', '{}', 'null', '', '0044-03-15 12:00:00+00 BC', 'infinity', null)`,
  `(5000002, '', '[]', '"text"', '"null"', null, '2020-01-01 00:00:00.000001+00', null, '2021-01-01 00:00:00+00')`,
  `(5000003, E'tab\\t\\\\u0000', '1e3', 'null', null, '🔮', '9999-12-31 23:59:59.999999+00', '-infinity', null)`,
];

async function foreignRows(): Promise<readonly string[]> {
  const found = await databases.cube.query<{ text: string }>(
    'select charts::text as text from saju.charts where id > 5000000 order by id',
  );
  return found.rows.map((row) => row.text);
}

test('a repair sets foreign rows aside, and a rollback puts them back to the byte', async () => {
  await run.copy();
  await databases.cube.query(`insert into saju.charts values ${odd.join(', ')}`);
  const before = await foreignRows();
  await run.repair();
  expect((await run.verify()).found).toEqual(odd.map((_, place) => `${5_000_001 + place} extra row`));
  await run.repair();
  expect(await foreignRows()).toEqual([]);
  expect((await run.verify()).clean).toBe(true);
  await run.rollBack();
  expect(await foreignRows()).toEqual(before);
  const all = await databases.cube.query<{ count: number }>('select count(*)::int as count from saju.charts');
  expect(all.rows[0]?.count).toBe(odd.length);
});

test('a foreign row that took the id of a source row first is reported, replaced by a repair, and put back by a rollback', async () => {
  const taken = await databases.legacy.query<{ id: string }>(
    'select id from saju_records where birth_hour is not null order by id offset 20 limit 40',
  );
  const id = taken.rows.map((row) => row.id).find((candidate) => !databases.rejected.has(candidate)) ?? '';
  await databases.cube.query(`insert into saju.charts values ($1, 'foreign', '{}', '{}', null, null, now())`, [id]);
  const before = await databases.cube.query('select charts::text from saju.charts');
  const { rejected } = await run.copy();
  expect(rejected).toBe(4);
  const refused = await databases.cube.query('select reason, detail from ledger.rejects where source_id = $1', [id]);
  expect(refused.rows).toEqual([{ reason: 'refused_by_target', detail: 'SQLSTATE 23505, constraint charts_pkey' }]);
  expect((await run.verify()).found).toEqual([`${id} extra row`]);
  await run.repair();
  expect(await run.verify()).toMatchObject({ clean: true, rejected: 3, compared: 297 });
  await run.rollBack();
  expect((await databases.cube.query('select charts::text from saju.charts')).rows).toEqual(before.rows);
});

const insertForeign = (user: string) =>
  databases.cube.query(
    "insert into saju.charts (id, user_id, birth_info, saju_chart, created_at) values (5000009, $1, '{}', '{}', now())",
    [user],
  );

/** A foreign row comes and is set aside. */
async function setAside(user: string): Promise<void> {
  await insertForeign(user);
  expect((await run.verify()).found).toEqual(['5000009 extra row']);
  await run.repair();
}

const entries = async () =>
  (
    await databases.cube.query<{ user: string; restored: boolean }>(
      `select payload ->> 'user_id' as user, restored_at is not null as restored from ledger.set_aside order by id`,
    )
  ).rows;

test('of two rows that were set aside under one id the newer one comes back, and it alone is marked', async () => {
  await run.copy();
  await setAside('older');
  await setAside('newer');
  await run.rollBack();
  const left = await databases.cube.query('select id, user_id from saju.charts');
  expect(left.rows).toEqual([{ id: '5000009', user_id: 'newer' }]);
  expect(await entries()).toEqual([
    { user: 'older', restored: false },
    { user: 'newer', restored: true },
  ]);
  // The next rollback has nothing to put back: the older one has been replaced for good.
  const next = await RowsRun.open(databases, 'next');
  await next.rollBack();
  await next.close();
  expect((await databases.cube.query('select user_id from saju.charts')).rows).toEqual([{ user_id: 'newer' }]);
});

test('a row whose table has other columns now is named, and its text is never read as it does not fit', async () => {
  await run.copy();
  await setAside('narrow');
  await databases.cube.query('alter table saju.charts add column note text');
  await expect(run.rollBack()).rejects.toMatchObject({
    type: 'undo_incomplete',
    message: expect.stringContaining('5000009'),
  });
  await databases.cube.query('alter table saju.charts drop column note');
  await run.rollBack();
  expect((await databases.cube.query('select user_id from saju.charts')).rows).toEqual([{ user_id: 'narrow' }]);
});

test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
  [
    'whose id is taken',
    () => insertForeign('taker'),
    () => databases.cube.query('delete from saju.charts where id = 5000009'),
  ],
  [
    'that a trigger keeps out in silence',
    () =>
      databases.cube.query(`create function saju.refuse() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger refuse before insert on saju.charts for each row execute function saju.refuse()`),
    () => databases.cube.query('drop function saju.refuse cascade'),
  ],
  [
    'that a trigger takes out at the commit',
    () =>
      databases.cube.query(`create function saju.refuse() returns trigger language plpgsql as
          $$ begin delete from saju.charts where id = new.id; return null; end $$;
        create constraint trigger refuse after insert on saju.charts deferrable initially deferred
          for each row execute function saju.refuse()`),
    () => databases.cube.query('drop function saju.refuse cascade'),
  ],
])('a row set aside %s is named, and put back by the next attempt', async (_, hinder, mend) => {
  await run.copy();
  await setAside('set aside');
  await hinder();
  await expect(run.rollBack()).rejects.toMatchObject({
    type: 'undo_incomplete',
    message: '1 rows that had been set aside could not be put back: id 5000009.',
  });
  expect(await entries()).toEqual([{ user: 'set aside', restored: false }]);
  await mend();
  await run.rollBack();
  expect((await databases.cube.query('select user_id from saju.charts')).rows).toEqual([{ user_id: 'set aside' }]);
});
