import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { proveKey } from '../../src/kinds/rows/preflight/key-proof.js';
import { damageableRow } from '../support/damages.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(300);
});
afterAll(() => databases.drop());

describe('before a run the catalogue proves that every row has a key of its own', () => {
  const proof = (table: string) =>
    proveKey(databases.legacy, 'legacy', { schema: 'keys', table, key: 'id', columns: [] });

  beforeAll(async () => {
    await databases.legacy.query(
      'create schema keys; create function keys.same(bigint) returns bigint immutable language sql return $1',
    );
  });

  test.each<[string, string]>([
    ['primary', 'create table keys.primary (id bigint primary key)'],
    ['uniquely', 'create table keys.uniquely (id bigint not null unique)'],
    ['covering', 'create table keys.covering (id int not null, a int, unique (id) include (a))'],
    [
      'parted',
      'create table keys.parted (id bigint primary key) partition by range (id); create table keys.part partition of keys.parted default',
    ],
    [
      'child',
      'create table keys.parent (id bigint); create table keys.child (primary key (id)) inherits (keys.parent)',
    ],
  ])('%s: proved', async (table, statement) => {
    await databases.legacy.query(statement);
    await expect(proof(table)).resolves.toBeUndefined();
  });

  test.each<[string, string, RegExp]>([
    ['bare', 'create table keys.bare (id bigint not null)', /no unique index is on id alone\.$/],
    ['nullable', 'create table keys.nullable (id bigint unique)', /id may be NULL/],
    [
      'partial',
      'create table keys.partial (id bigint not null); create unique index on keys.partial (id) where id > 0',
      /a part of the rows only/,
    ],
    [
      'expression',
      'create table keys.expression (id bigint not null); create unique index on keys.expression (keys.same(id))',
      /other columns or expressions/,
    ],
    [
      'composite',
      'create table keys.composite (id bigint, at timestamptz, primary key (id, at))',
      /other columns or expressions/,
    ],
    [
      'included',
      'create table keys.included (id bigint not null, other bigint not null, unique (other) include (id))',
      /other columns or expressions/,
    ],
    [
      'deferrable',
      'create table keys.deferrable (id bigint primary key deferrable)',
      /at the end of a transaction only/,
    ],
    [
      'halfmade',
      `create table keys.halfmade (id bigint primary key); update pg_index set indisvalid = false where indrelid = 'keys.halfmade'::regclass`,
      /is not valid/,
    ],
    [
      'parent2',
      'create table keys.parent2 (id bigint primary key); create table keys.heir () inherits (keys.parent2)',
      /other tables inherit from it/,
    ],
    [
      'partitioned',
      'create table keys.partitioned (id bigint, at timestamptz, primary key (id, at)) partition by range (at)',
      /other columns or expressions/,
    ],
    ['seen', 'create view keys.seen as select 1::bigint as id', /it is a view/],
    [
      'kept',
      'create materialized view keys.kept as select 1::bigint as id; create unique index on keys.kept (id)',
      /it is a materialized view/,
    ],
    [
      'away',
      'create foreign data wrapper none; create server none foreign data wrapper none; create foreign table keys.away (id bigint not null) server none',
      /it is a foreign table/,
    ],
  ])('%s: refused in a sentence', async (table, statement, why) => {
    await databases.legacy.query(statement);
    await expect(proof(table)).rejects.toMatchObject({
      type: 'legacy_schema_mismatch',
      message: expect.stringMatching(why),
      hint: expect.stringMatching(/\w/),
    });
  });
});

/** What the catalogue proved can be taken away afterwards: nothing is clean then that is not. */
describe('where an id is there twice, or not at all, in spite of it', () => {
  let run: RowsRun;
  let ids: string[];
  const columns = `user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month, year_pillar,
    month_pillar, day_pillar, hour_pillar, convention, interpretation, created_at, updated_at`;
  const copyOf = (id: string, as: string) =>
    databases.legacy.query(
      `insert into saju_records (id, ${columns}) select ${as}, ${columns} from saju_records where id = ${id} limit 1`,
    );
  const repeatedInTarget = (id: string) =>
    databases.cube.query(`insert into saju.charts select * from saju.charts where id = ${id}`);

  beforeAll(async () => {
    run = await RowsRun.open(databases, 'twice');
    await run.copy();
    await databases.legacy.query(`alter table saju_records drop constraint saju_records_pkey; alter table saju_records alter id drop not null;
      create index on saju_records (id)`);
    await databases.cube.query('alter table saju.charts drop constraint charts_pkey; create index on saju.charts (id)');
    const found = await databases.legacy.query<{ id: string }>(
      `select id from saju_records where ${damageableRow} order by id`,
    );
    ids = found.rows.map((row) => row.id).filter((id) => !databases.rejected.has(id));
    expect(await run.verify()).toMatchObject({ clean: true });
  });
  afterAll(() => run.close());

  const take = () => ids.shift() ?? '';
  const another = (table: string) =>
    `delete from ${table} where ctid in (select max(ctid) from ${table} group by id having count(*) > 1)`;

  test('a row that is there twice in legacy, to the byte', async () => {
    const id = take();
    await copyOf(id, id);
    expect(await run.verify()).toMatchObject({ clean: false, mismatched: 1, found: [`${id} repeated id`] });
    await expect(run.repair()).rejects.toMatchObject({
      type: 'legacy_schema_mismatch',
      message: `The table public.saju_records of the legacy database has more than one row with the id ${id}.`,
    });
    await databases.legacy.query(another('saju_records'));
    await run.repair();
    expect(await run.verify()).toMatchObject({ clean: true });
  });

  test('a row that is there twice on both sides, to the byte', async () => {
    const id = take();
    await copyOf(id, id);
    await repeatedInTarget(id);
    expect(await run.verify()).toMatchObject({ clean: false, mismatched: 1, found: [`${id} repeated id`] });
    await databases.legacy.query(another('saju_records'));
    await run.repair();
    expect(await run.verify()).toMatchObject({ clean: true });
  });

  test('a row that is there twice in the target', async () => {
    const id = take();
    await repeatedInTarget(id);
    expect(await run.verify()).toMatchObject({ clean: false, found: [`${id} repeated id`] });
    await run.repair();
    expect(await run.verify()).toMatchObject({ clean: true });
  });

  test('a rejected row that is there twice', async () => {
    const [id = ''] = databases.rejected.keys();
    await copyOf(id, id);
    expect(await run.verify()).toMatchObject({ clean: false, found: [`${id} repeated id`] });
    await expect(run.retryRejects()).rejects.toMatchObject({ type: 'legacy_schema_mismatch' });
    await databases.legacy.query(another('saju_records'));
    await run.retryRejects();
    expect(await run.verify()).toMatchObject({ clean: true });
  });

  test('a row without an id', async () => {
    await copyOf(take(), 'null');
    const verdict = await run.verify();
    expect(verdict).toMatchObject({ clean: false, mismatched: 0 });
    expect(verdict.disagreement).toBe(
      'The rows do not add up: legacy has 301, 1 of them without an id, 3 are rejected, the cube has 297, ' +
        'of which the ledger knows 297, and the ledger owns 297 ids.',
    );
    // One more is gone: the numbers agree, and still it is not clean.
    const gone = take();
    await databases.legacy.query(`delete from saju_records where id = ${gone}`);
    await databases.cube.query(`delete from saju.charts where id = ${gone}`);
    expect((await run.verify()).clean).toBe(false);
    await databases.legacy.query('delete from saju_records where id is null');
    await run.repair();
    expect(await run.verify()).toMatchObject({ clean: true });
  });

  test('a row that both sides have and no run moved, and one that both have lost', async () => {
    const [came, gone] = [take(), take()];
    await copyOf(came, '4000000');
    await databases.cube.query(`insert into saju.charts select 4000000, user_id, birth_info, saju_chart, convention, interpretation, created_at, updated_at, now()
      from saju.charts where id = ${came}`);
    await databases.legacy.query(`delete from saju_records where id = ${gone}`);
    await databases.cube.query(`delete from saju.charts where id = ${gone}`);
    expect(await run.verify()).toMatchObject({
      clean: false,
      mismatched: 0,
      disagreement: expect.stringContaining(
        'the cube has 296, of which the ledger knows 295, and the ledger owns 296 ids',
      ),
    });
    await run.repair();
    expect(await run.verify()).toMatchObject({ clean: true });
    await expectTargetEqualsSource(databases);
  });

  test('a copy ends in a sentence at two rows of one id, rejected or not', async () => {
    const rejected = [...databases.rejected.keys()].find((id) => Number(id) > 0) ?? '';
    await run.rollBack();
    // What a repair had set aside is there again.
    await databases.cube.query('delete from saju.charts');
    const again = await RowsRun.open(databases, 'again');
    for (const id of [take(), rejected]) {
      await copyOf(id, id);
      await expect(again.copy()).rejects.toMatchObject({
        type: 'legacy_schema_mismatch',
        message: `The table public.saju_records of the legacy database has more than one row with the id ${id}.`,
      });
      await databases.legacy.query(another('saju_records'));
    }
    await again.copy();
    expect(await again.verify()).toMatchObject({ clean: true });
    await again.close();
  });
});
