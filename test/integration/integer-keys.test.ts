import { afterAll, beforeAll, expect, test } from 'vitest';
import { rangeDigest } from '../../src/kinds/rows/compare/row-digest.js';
import { sajuRecordsMapping as mapping } from '../../src/kinds/saju-records/mapping.js';
import { readSajuRow, sampleSajuRows } from '../../src/kinds/saju-records/sample.js';
import { legacySajuRecords } from '../../src/services/saju/record-store.js';
import { type Damage, damageableRow, damages } from '../support/damages.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { RowsRun } from '../support/rows-run.js';

/** A legacy key of four bytes: what is asked about ids of eight bytes must neither fail nor leave the key's index. */
let databases: TestDatabases;
let run: RowsRun;

beforeAll(async () => {
  databases = await createDatabases(1000);
  await databases.legacy.query(`alter table saju_records alter id type integer;
    insert into saju_records (id, user_id, birth_year, birth_month, birth_day, is_solar, year_pillar, month_pillar, day_pillar, created_at)
      select id, 'end', 2000, 1, 1, true, '기묘', '병자', '무오', now() from (values (2147483647), (-2147483648), (0)) as ends (id)`);
  run = await RowsRun.open(databases, 'narrow');
});
afterAll(async () => {
  await run.close();
  await databases.drop();
});

test('rows are copied, compared, repaired, adopted and removed, both ends of the type among them', async () => {
  expect(await run.copy({ rangeRows: 300 })).toEqual({ migrated: 993, rejected: 10 });
  expect(await run.verify()).toMatchObject({ clean: true, compared: 993 });
  const sound = await databases.legacy.query<{ id: number }>(
    `select id from saju_records where ${damageableRow} order by id limit 200`,
  );
  const ids = sound.rows.map(({ id }) => String(id)).filter((id) => !databases.rejected.has(id));
  const names = [
    'user_id changed',
    'missing row',
    'a field changed in legacy after the copy',
    'row deleted in legacy after the copy',
  ];
  const inflicted = [...names, 'extra row at the greatest id there can be'].map((name, place) => {
    const damage = damages.find((candidate) => candidate.name === name) as Damage;
    return { damage, ids: { id: ids[2 * place] ?? '', other: ids[2 * place + 1] ?? '', hole: '' } };
  });
  for (const { damage, ids: damaged } of inflicted) await damage.inflict(databases, damaged);
  const expected = inflicted.flatMap(({ damage, ids: damaged }) => damage.found(damaged));
  expect((await run.verify()).found).toEqual(expect.arrayContaining(expected));
  await run.repair();
  await run.retryRejects();
  expect(await run.verify()).toMatchObject({ clean: true, compared: 992 });

  await databases.cube.query("update ledger.migrations set status = 'cancelled', finished_at = now()");
  await databases.cube.query("update saju.charts set user_id = 'changed' where id > 500000000 or id = 0 or id < 0");
  const next = await RowsRun.open(databases, 'adopting');
  expect(await next.copy({ adopts: true, rangeRows: 300 })).toMatchObject({ migrated: 992 });
  expect(await next.verify()).toMatchObject({ clean: true, compared: 992 });
  await expectTargetEqualsSource(databases);
  await next.rollBack();
  await next.close();
  const left = await databases.cube.query('select id from saju.charts');
  expect(left.rows).toEqual([{ id: '9223372036854775807' }]);
});

test('the index of the key serves comparisons with ids of eight bytes', async () => {
  const client = await databases.legacy.connect();
  try {
    await client.query('set enable_seqscan = off; set enable_bitmapscan = off');
    const statement = rangeDigest(mapping.source, mapping.digestedFields, 'source');
    const plan = await client.query<{ 'QUERY PLAN': string }>(`explain ${statement}`, [
      '5',
      '9223372036854775807',
      '{}',
      null,
    ]);
    const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Index Scan using saju_records_pkey/);
    expect(text).toMatch(/Index Cond: .*id <= '9223372036854775807'::bigint/);
  } finally {
    client.release();
  }
});

test('an id beyond the type that a service or a check reads is not there, and no failure', async () => {
  const records = legacySajuRecords(databases.legacy);
  const beyond = '9223372036854775807';
  expect(await records.find(beyond)).toBeUndefined();
  expect(await records.changeInterpretation(beyond, 'x')).toBeUndefined();
  expect(await records.remove(beyond)).toBe(false);
  expect(await records.list('end', 5, beyond)).toHaveLength(3);
  expect(await readSajuRow(databases.legacy, beyond)).toBeUndefined();
  expect((await sampleSajuRows(databases.legacy)).length).toBeGreaterThan(10);
  expect((await records.find('2147483647'))?.user_id).toBe('end');
});
