import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { checkCrawl } from '../support/crawl-checker.js';
import { CrawlerStack } from '../support/crawler-stack.js';

/** Jobs that the cube runs: put into its table, on their schedule or by hand, by the site's own log. */
let stack: CrawlerStack;

beforeAll(async () => {
  stack = await CrawlerStack.start();
  await stack.worker().begin();
});
afterAll(() => stack.stop());

const call = (method: string, path: string) => stack.caller.call(method, path);

test('a job that is put into the table is taken up within five seconds, and runs on its schedule until it is paused', async () => {
  const id = await stack.insert({ paths: ['/ko/1', '/en/2'], cron: '* * * * * *', status: 'scheduled' });
  const inserted = Date.now();
  await until('the schedule to be made', async () => {
    const { rows } = await stack.databases.cube.query('select schedule_id, calendars from crawler.jobs where id = $1', [
      id,
    ]);
    return rows[0]?.schedule_id === `crawl/${id}` && rows[0]?.calendars !== null;
  });
  expect(Date.now() - inserted).toBeLessThan(5000);
  await until(
    'two runs to have ended',
    async () => (await stack.runs(id)).filter(({ ended_at: at }) => at).length >= 2,
  );
  const next = (await stack.caller.job(id)).next_run_at ?? '';
  expect(new Date(next).getTime()).toBeGreaterThan(Date.now() - 1000);

  expect((await call('POST', `/jobs/${id}/pause`)).body).toMatchObject({ status: 'paused', next_run_at: null });
  await stack.caller.rest(id);
  const runs = await stack.runs(id);
  for (const run of runs) {
    expect(run.due_at?.getMilliseconds()).toBe(0);
    expect(run.started_at.getTime()).toBeGreaterThanOrEqual(run.due_at?.getTime() ?? 0);
  }
  const done = runs.filter(({ outcome }) => outcome === 'done');
  expect(done.length).toBeGreaterThanOrEqual(2);
  const findings = checkCrawl(stack.pages(id));
  expect(findings).toMatchObject({ overlaps: [], repeated: [], unnamed: [] });
  expect(new Set(stack.pages(id).map(({ run }) => run))).toEqual(new Set(runs.map(({ run_id: run }) => run)));
  const results = await stack.caller.list(`/jobs/${id}/results`);
  expect(results).toHaveLength(stack.pages(id).filter(({ status }) => status === 200).length);
  await until('results to be at legacy too', async () => (await stack.writtenBack(id)).length === results.length);
  expect((await stack.writtenBack(id)).map((row) => Number(row.id))).toEqual(results.map((row) => row.id));
});

test('a job without a schedule runs once when it is started, and then is paused; its pages are not fetched again unless they changed', async () => {
  const id = await stack.insert({ paths: ['/ko/1', '/status/404', '/etag/3', '/ko/1'], status: 'paused' });
  const start = () => call('POST', `/jobs/${id}/start`);
  expect((await start()).body).toMatchObject({ status: 'active', next_run_at: null });
  await stack.caller.rest(id);
  expect((await stack.caller.results(id)).map(({ url }) => new URL(url).pathname)).toEqual(
    expect.arrayContaining(['/ko/1', '/etag/3']),
  );
  expect(await stack.caller.results(id)).toHaveLength(2);
  await start();
  await until('a second run', async () => (await stack.runs(id)).length === 2);
  await stack.caller.rest(id);
  expect(await stack.runs(id)).toMatchObject([
    { outcome: 'partly', due_at: null, epoch: 1 },
    { outcome: 'partly', due_at: null },
  ]);
  // The page with an ETag was answered 304.
  expect(await stack.caller.results(id)).toHaveLength(3);
});

test('a pause stops a run within a batch, and a start after it begins another one', async () => {
  const paths = Array.from({ length: 100 }, (_, place) => `/ko/${place}`);
  const id = await stack.insert({ paths, status: 'paused' });
  stack.site.change({ hold: true });
  await call('POST', `/jobs/${id}/start`);
  await until('pages to be requested', () => stack.pages(id).length > 0);
  expect(await stack.caller.job(id)).toMatchObject({ status: 'active', running: true });
  expect((await call('POST', `/jobs/${id}/pause`)).body).toMatchObject({ status: 'paused' });
  stack.site.change({ hold: false });
  await stack.caller.rest(id);
  const [run] = await stack.runs(id);
  expect(run?.outcome).toBe('stopped');
  expect(stack.pages(id).length).toBeLessThanOrEqual(20);
  expect(await stack.caller.list(`/jobs/${id}/results`)).toHaveLength(stack.pages(id).length);

  await call('POST', `/jobs/${id}/start`);
  await until('the second run to end', async () => (await stack.runs(id))[1]?.outcome === 'done');
  expect(await stack.caller.job(id)).toMatchObject({ status: 'paused', running: false });
});

test('a job that is active with a schedule runs once at once, and stays scheduled; edited it fires at its new times; removed it is gone', async () => {
  const id = await stack.insert({ paths: ['/ko/5'], cron: '0 0 29 2 *', status: 'active' });
  await until('its run to end', async () => (await stack.runs(id))[0]?.outcome === 'done');
  expect(await stack.caller.job(id)).toMatchObject({ status: 'scheduled', running: false });
  const { cube } = stack.databases;
  await cube.query(
    `update crawler.jobs set schedule = '{"type": "cron", "expression": "*/1 * * * * *"}' where id = $1`,
    [id],
  );
  await until('a run that was due', async () => (await stack.runs(id))[1]?.due_at);
  await cube.query('delete from crawler.jobs where id = $1', [id]);
  await until('the schedule to be dropped', async () => {
    const { rowCount } = await cube.query('select from crawler.schedules where job_id = $1', [id]);
    return rowCount === 0;
  });
  await until('what was under way to end', async () => (await stack.runs(id)).every(({ outcome }) => outcome));
  const { length } = await stack.runs(id);
  await until('two more ticks', async () => {
    const { rows } = await cube.query(
      "select now() > max(started_at) + interval '2 seconds' as past from crawler.runs where job_id = $1",
      [id],
    );
    return rows[0]?.past;
  });
  expect(await stack.runs(id)).toHaveLength(length);
});

test('results are given as JSON, lines of JSON and CSV', async () => {
  const id = await stack.insert({ paths: ['/ko/9'], status: 'active' });
  await stack.caller.rest(id);
  const [result] = await stack.caller.list(`/jobs/${id}/results`);
  const textOf = async (format: string) => {
    const answer = await fetch(`${stack.url}/jobs/${id}/results?format=${format}`, { headers: stack.headers });
    return [answer.status, answer.headers.get('content-type'), await answer.text()];
  };
  const [found, kind, lines] = await textOf('jsonl');
  expect([found, kind]).toEqual([200, 'application/jsonl; charset=utf-8']);
  expect(JSON.parse(String(lines))).toEqual(result);
  const [status, type, csv] = await textOf('csv');
  expect([status, type]).toEqual([200, 'text/csv; charset=utf-8']);
  expect(csv).toMatch(/^id,job_id,url,content,crawled_at\r\n\d+,\d+,http:.*,"\{""title"": ""[^"]+""\}",\d{4}-.*Z\r\n$/);
  expect((await textOf('xml'))[0]).toBe(400);
});

test('metrics tell pages, bytes, failures and waiting by job and host, and the last and next runs', async () => {
  const id = await stack.insert({ paths: ['/ko/1', '/status/404'], cron: '0 0 29 2 *', status: 'active' });
  await until('its run to end', async () => (await stack.runs(id))[0]?.outcome === 'partly');
  const text = await fetch(`${stack.url}/metrics`).then((answer) => answer.text());
  const { host } = new URL(stack.siteUrl);
  const of = `job="${id}",host="${host}"`;
  expect(text).toContain(`crawler_cube_pages_total{${of}} 1\n`);
  expect(text).toMatch(new RegExp(`crawler_cube_bytes_total\\{${of}\\} [1-9]`));
  expect(text).toContain(`crawler_cube_errors_total{${of},reason="status_unexpected"} 1\n`);
  expect(text).toContain(`crawler_cube_rate_wait_seconds_total{${of}}`);
  expect(text).toContain(`crawler_cube_last_run_timestamp_seconds{job="${id}",outcome="partly"}`);
  expect(text).toContain(`crawler_cube_next_run_timestamp_seconds{job="${id}"}`);
});
