import { load } from 'cheerio';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { articleSelectors } from '../../legacy/crawler/ordinary-job.js';
import { usualSettings } from '../../legacy/crawler-site/settings.js';
import { CrawlerSite } from '../../legacy/crawler-site/site.js';
import { type Visit, VisitLog } from '../../legacy/crawler-site/visits.js';
import { until } from '../support/conditions.js';

const site = new CrawlerSite();
let url: string;
beforeAll(async () => {
  url = await site.listen('127.77.0.1', 0);
});
afterAll(() => site.close());
afterEach(() => site.change(usualSettings));

const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(url + path, { headers, redirect: 'manual' });
const last = () => site.log.after(0).at(-1) ?? expect.fail('no line');

describe('pages', () => {
  test('have what the selectors of jobs look for, on 20 kB too', async () => {
    const selectors = Object.values(JSON.parse(articleSelectors) as Record<string, string>);
    expect(selectors).toHaveLength(5);
    for (const path of ['/ko/1', '/en/1', '/bench/1']) {
      const page = load(await (await get(path)).text());
      for (const selector of selectors) expect(page(selector).text(), `${path} ${selector}`).not.toBe('');
    }
    const { length } = Buffer.from(await (await get('/bench/123456')).arrayBuffer());
    expect(Math.abs(length - 20_000)).toBeLessThan(1000);
  });

  test('with an ETag are not sent again', async () => {
    const etag = (await get('/etag/7')).headers.get('etag') ?? '';
    const again = await get('/etag/7', { 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect((await get('/etag/8', { 'if-none-match': etag })).status).toBe(200);
  });

  test('are busy for a while from the first request on, or all of them when told so', async () => {
    const busy = await get('/busy/one/300');
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '1']);
    await until('it has time again', async () => (await get('/busy/one/300')).status === 200, 5000);
    site.change({ busy_until: Date.now() + 60_000 });
    expect((await get('/ko/1')).status).toBe(429);
    expect((await get('/robots.txt')).status).toBe(200);
  });

  test.each([
    ['/status/503', 503],
    ['/nowhere', 404],
    ['/old/nothing', 404],
    ['/redirect/2', 302],
  ])('%s is answered %i', async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });
});

describe('the log', () => {
  test('says who asked for what, from when to when, and what was answered', async () => {
    const before = Date.now();
    await (await get('/slow/100', { 'user-agent': 'Heal7Crawler/1.0 (side=cube; job=9; run=r-1)' })).text();
    await until('the request has ended', () => last().ended !== null);
    expect(last()).toMatchObject({ path: '/slow/100', status: 200, side: 'cube', job: '9', run: 'r-1' });
    const { started, ended } = last();
    expect(started).toBeGreaterThan(before - 1000);
    expect((ended ?? 0) - started).toBeGreaterThanOrEqual(99);
  });

  test('has requests that wait, and those whose client has left', async () => {
    site.change({ hold: true });
    const left = new AbortController();
    const held = fetch(`${url}/ko/1`, { signal: left.signal });
    await until('it is there', () => last().path === '/ko/1');
    expect(last()).toMatchObject({ ended: null, status: null });
    left.abort();
    await expect(held).rejects.toThrow();
    await until('it has ended', () => last().ended !== null);
    expect(last().status).toBeNull();
  });

  test('is answered as JSON lines after a number, and asking for it is no line', async () => {
    await (await get('/ko/3')).text();
    const { number } = last();
    const lines = (await (await get(`/_log?after=${number - 1}`)).text()).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Visit).path)).toEqual(['/ko/3']);
    expect(last().number).toBe(number);
  });

  test('keeps the newest lines', () => {
    const log = new VisitLog(4);
    for (let number = 1; number <= 20; number++) log.end(log.begin(`/${number}`, ''), 200);
    const kept = log.after(0).map(({ number }) => number);
    expect(kept.at(-1)).toBe(20);
    expect(kept.length).toBeGreaterThanOrEqual(4);
    expect(kept.length).toBeLessThan(8);
    expect(log.after(18).map(({ path }) => path)).toEqual(['/19', '/20']);
  });
});

describe('the behaviour', () => {
  test('is changed from outside, and robots.txt says so', async () => {
    const changed = await fetch(`${url}/_site`, { method: 'POST', body: '{"crawl_delay": 2}' });
    expect(await changed.json()).toEqual({ ...usualSettings, crawl_delay: 2 });
    expect(await (await get('/robots.txt')).text()).toContain('Crawl-delay: 2\n');
    site.change({ robots_status: 503 });
    expect((await get('/robots.txt')).status).toBe(503);
  });

  test.each(['', '[]', '{"hold": 1}', '{"crawl_delay": "x"}', '{"nothing": 1}', '{"robots_status": 42}'])(
    'is not changed by %j',
    async (body) => {
      expect((await fetch(`${url}/_site`, { method: 'POST', body })).status).toBe(400);
      expect(await (await get('/_site')).json()).toEqual(usualSettings);
    },
  );
});
