import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createResultIds } from '../../src/crawler/result-ids.js';
import { createWriteBack } from '../../src/crawler/write-back.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

/** Ids of results, drawn ahead from legacy's sequence, and results that are written back under them. */
let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
});
afterAll(() => databases.drop());
beforeEach(async () => {
  await databases.cube.query('truncate crawler.result_ids, crawler.results');
  await databases.legacy.query('truncate crawler_results');
});

const idsHere = () => createResultIds(databases.legacy, databases.cube);

describe('ids', () => {
  test('are those of legacy’s sequence, each given once, rising, whoever draws and takes at the same time', async () => {
    const ids = idsHere();
    await Promise.all([
      ids.stockUp(500),
      ...Array.from({ length: 50 }, () =>
        databases.legacy.query("select nextval(pg_get_serial_sequence('crawler_results', 'id'))"),
      ),
    ]);
    const given = await Promise.all(Array.from({ length: 25 }, () => ids.give(20)));
    const all = given.flatMap((some) => some ?? expect.fail('none was left'));
    expect(new Set(all).size).toBe(500);
    for (const some of given) expect(some).toEqual([...(some ?? [])].sort((one, other) => Number(one) - Number(other)));
    expect(await ids.give(1)).toBeUndefined();
    const next = await databases.legacy.query(
      "select nextval(pg_get_serial_sequence('crawler_results', 'id'))::int as id",
    );
    expect(Math.max(...all.map(Number))).toBeLessThan(next.rows[0].id);
  });

  test('are topped up to the stock, and none is given where there are too few', async () => {
    const ids = idsHere();
    await ids.stockUp(30);
    await ids.stockUp(30);
    const stock = await databases.cube.query('select sum(last - next + 1)::int as stock from crawler.result_ids');
    expect(stock.rows).toEqual([{ stock: 30 }]);
    expect(await ids.give(31)).toBeUndefined();
    expect(await ids.give(30)).toHaveLength(30);
  });
});

describe('results', () => {
  const insert = (id: number, jobId: number, title = 'a') =>
    databases.cube.query(
      `insert into crawler.results (id, job_id, url, content, crawled_at, run_id)
       values ($1, $2, 'http://a.example/', jsonb_build_object('title', $3::text), '2026-01-02 03:04:05.678', 'a run')`,
      [id, jobId, title],
    );
  const waiting = async () => {
    const found = await databases.cube.query<{ id: number }>(
      'select id::int from crawler.results where written_back_at is null order by id',
    );
    return found.rows.map(({ id }) => id);
  };

  beforeAll(async () => {
    await databases.legacy.query("insert into crawler_jobs (id, name, urls) values (77001, 'a job', '{}')");
  });

  test('are written under their ids, once, and read back', async () => {
    await insert(90_001, 77_001);
    await insert(90_002, 77_001, '한글 "\\');
    const writeBack = createWriteBack(databases.legacy, databases.cube);
    // What another worker wrote before it died.
    await databases.legacy.query(
      `insert into crawler_results (id, job_id, url, content, crawled_at)
       values (90001, 77001, 'http://a.example/', '{"title": "a"}', '2026-01-02 03:04:05.678')`,
    );
    expect(await writeBack.writeSome('0')).toEqual({ written: 2, next: null, taken: [] });
    expect(await waiting()).toEqual([]);
    const there = await databases.legacy.query('select id::int, content from crawler_results order by id');
    expect(there.rows).toEqual([
      { id: 90_001, content: { title: 'a' } },
      { id: 90_002, content: { title: '한글 "\\' } },
    ]);
    expect(await writeBack.writeSome('0')).toEqual({ written: 0, next: null, taken: [] });
  });

  test('stay where legacy has another one under the id, or does not have the job', async () => {
    await insert(90_003, 77_001);
    await insert(90_004, 88_888);
    await databases.legacy.query(
      `insert into crawler_results (id, job_id, url, content) values (90003, 77001, 'http://b.example/', '{}')`,
    );
    const writeBack = createWriteBack(databases.legacy, databases.cube);
    expect(await writeBack.writeSome('0')).toEqual({ written: 0, next: null, taken: ['90003'] });
    expect(await waiting()).toEqual([90_003, 90_004]);
    const kept = await databases.legacy.query('select url from crawler_results where id = 90003');
    expect(kept.rows).toEqual([{ url: 'http://b.example/' }]);
  });
});
