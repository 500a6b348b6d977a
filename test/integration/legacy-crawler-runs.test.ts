import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { oldPageNames, oldTitle } from '../../legacy/crawler-site/old-pages.js';
import { disallowedPaths, usualSettings } from '../../legacy/crawler-site/settings.js';
import { until } from '../support/conditions.js';
import { checkCrawl } from '../support/crawl-checker.js';
import { CrawlerCaller, type CrawlerService } from '../support/crawler-contract.js';
import { startLegacyCrawler } from '../support/legacy-crawler.js';

/** What the monolith's crawler promises, and what its runs do, by the site's own log. */
let service: CrawlerService;
let caller: CrawlerCaller;

beforeAll(async () => {
  service = await startLegacyCrawler('none');
  caller = new CrawlerCaller(service);
});
afterAll(() => service.close());
afterEach(() => service.site.change(usualSettings));

const visitsOf = (id: number) => service.site.log.after(0).filter(({ job }) => job === String(id));
const pagesOf = (id: number) => visitsOf(id).filter(({ path }) => path !== '/robots.txt');
const urls = (...paths: readonly string[]) => paths.map((path) => service.siteUrl + path);
const start = (id: number) => caller.call('POST', `/jobs/${id}/start`);
const pause = (id: number) => caller.call('POST', `/jobs/${id}/pause`);
const plant = (faults: object) => caller.call('POST', '/_faults', faults);

async function insert(row: { readonly cron?: string; readonly status: string; readonly urls: readonly string[] }) {
  const made = await service.legacy.query<{ id: number }>(
    `insert into crawler_jobs (name, urls, cron_expression, css_selectors, rate_limit, request_delay, output_format, status, created_at)
     values ('by hand', $1, $2, '{"title": "h1"}', 100000, 0, 'json', $3, now()) returning id::int`,
    [row.urls, row.cron ?? null, row.status],
  );
  return made.rows[0]?.id ?? expect.fail('no row');
}

describe('after pause was answered', () => {
  test('no URL begins, and the job runs until what had begun is committed', async () => {
    const id = await caller.create({ urls: urls('/ko/1', '/ko/2', '/ko/3'), css_selectors: { title: 'h1' } });
    service.site.change({ hold: true });
    await start(id);
    await until('a page is waited for', () => pagesOf(id).length === 1);
    expect((await pause(id)).body).toMatchObject({ status: 'paused', running: true });
    expect(await caller.job(id)).toMatchObject({ status: 'paused', running: true });
    service.site.change({ hold: false });
    await caller.rest(id);
    expect(await caller.results(id)).toHaveLength(1);
    expect(pagesOf(id).map(({ path }) => path)).toEqual(['/ko/1']);
  });

  test('no run begins, whatever is started and paused at the same time', async () => {
    const id = await caller.create({ urls: urls('/ko/1', '/ko/2', '/ko/3', '/ko/4') });
    for (let round = 0; round < 12; round++) {
      await Promise.all([start(id), pause(id), start(id), pause(id), caller.job(id)]);
      await pause(id);
      await until('the job is idle', async () => !(await caller.job(id)).running);
      const before = visitsOf(id).length;
      // Looks as the engine does, several times over.
      for (let look = 0; look < 5; look++)
        expect(await caller.job(id)).toMatchObject({ status: 'paused', running: false });
      expect(visitsOf(id)).toHaveLength(before);
    }
    expect(checkCrawl(visitsOf(id)).overlaps).toEqual([]);
  });

  test('a scheduled job is not due any more', async () => {
    const id = await caller.create({ urls: urls('/ko/5'), cron_expression: '* * * * * *' });
    await start(id);
    await until('it has run', () => pagesOf(id).length > 0);
    await pause(id);
    await caller.rest(id);
    const before = visitsOf(id).length;
    const other = await insert({ cron: '* * * * * *', status: 'scheduled', urls: urls('/ko/6') });
    await until('another job was due twice', () => pagesOf(other).length > 1);
    expect(visitsOf(id)).toHaveLength(before);
    await pause(other);
  });
});

describe('a job is running', () => {
  test('from before its first request until its last result is committed', async () => {
    const id = await caller.create({ urls: urls('/slow/150', '/ko/2') });
    const locked = await service.legacy.connect();
    await locked.query('begin');
    await locked.query('lock table crawler_results in exclusive mode');
    try {
      expect((await start(id)).body).toMatchObject({ running: true });
      await until('its first page was answered', () => pagesOf(id)[0]?.ended);
      expect(await caller.job(id)).toMatchObject({ running: true });
      expect((await pause(id)).body).toMatchObject({ status: 'paused', running: true });
    } finally {
      await locked.query('commit');
      locked.release();
    }
    await caller.rest(id);
    expect(await caller.results(id)).toHaveLength(1);
  });

  test('once at a time: ticks during a run are skipped', async () => {
    const id = await caller.create({ urls: urls('/slow/1400'), cron_expression: '* * * * * *' });
    await start(id);
    await until('it has run three times', () => pagesOf(id).length > 2);
    await pause(id);
    await caller.rest(id);
    const log = visitsOf(id);
    expect(checkCrawl(log, { isClosed: () => false })).toMatchObject({ overlaps: [], unnamed: [], repeated: [] });
    const runs = new Set(log.map(({ run }) => run));
    const [first, last] = [log[0]?.started ?? 0, log.at(-1)?.started ?? 0];
    // One of two ticks is passed while a run lasts.
    expect(runs.size - 1).toBeLessThanOrEqual((last - first) / 1900);
  });
});

describe('the table', () => {
  test('is where jobs come from: an active row runs once, with an expression it is scheduled then', async () => {
    const once = await insert({ status: 'active', urls: urls('/ko/1') });
    const often = await insert({ status: 'active', cron: '0 0 1 1 *', urls: urls('/ko/1') });
    await caller.rest(once);
    await until('the other one is scheduled', async () => (await caller.job(often)).status === 'scheduled');
    expect([visitsOf(once), visitsOf(often)].map((log) => new Set(log.map(({ run }) => run)).size)).toEqual([1, 1]);
    expect(await caller.results(often)).toHaveLength(1);
  });

  test('is believed before each URL: a job that was paused or deleted there stops', async () => {
    const all = urls('/ko/1', '/ko/2', '/ko/3');
    for (const statement of [
      "update crawler_jobs set status = 'paused' where id = $1",
      'delete from crawler_jobs where id = $1',
    ]) {
      service.site.change({ hold: true });
      const id = await insert({ status: 'active', urls: all });
      await until('a page is waited for', () => pagesOf(id).length === 1);
      await service.legacy.query(statement, [id]);
      service.site.change({ hold: false });
      await until('it is idle', async () => !((await caller.call('GET', `/jobs/${id}`)).body.running ?? false));
      expect(pagesOf(id)).toHaveLength(1);
    }
  });

  test('holds expressions and rules that nothing can be done with, and other jobs run', async () => {
    await insert({ status: 'scheduled', cron: 'every day', urls: urls('/ko/1') });
    const broken = await insert({ status: 'active', urls: urls('/ko/1') });
    await service.legacy.query(`update crawler_jobs set status = 'paused' where id = $1`, [broken]);
    await caller.rest(broken);
    await service.legacy.query(`update crawler_jobs set css_selectors = '[1]', status = 'active' where id = $1`, [
      broken,
    ]);
    const before = pagesOf(broken).length;
    await caller.rest(broken);
    expect(pagesOf(broken)).toHaveLength(before);
    const sound = await insert({ status: 'active', urls: urls('/ko/1') });
    await caller.rest(sound);
    expect(await caller.results(sound)).toHaveLength(1);
  });
});

describe('a run', () => {
  test('keeps robots.txt, by the delay that it asks for, too', async () => {
    service.site.change({ crawl_delay: 0.3 });
    const id = await caller.create({ urls: urls('/private/1', '/private/open', '/search?q=a', '/ko/1', '/ko/2') });
    await start(id);
    await caller.rest(id);
    const isClosed = (path: string) =>
      disallowedPaths.some((closed) => path.startsWith(closed)) && path !== '/private/open';
    expect(checkCrawl(visitsOf(id), { delayMillis: 300, isClosed })).toMatchObject({
      tooSoon: [],
      closed: [],
      withoutRobots: [],
      unnamed: [],
    });
    expect(pagesOf(id).map(({ path }) => path)).toEqual(['/private/open', '/ko/1', '/ko/2']);
  });

  test.each([
    [404, 1],
    [403, 1],
    [503, 0],
  ])('of a site whose robots.txt is answered %i fetches %i page', async (robots_status, pages) => {
    service.site.change({ robots_status });
    const id = await caller.create({ urls: urls('/ko/1') });
    await start(id);
    await caller.rest(id);
    expect(pagesOf(id)).toHaveLength(pages);
  });

  test('keeps the delay of two jobs of one host that run at the same time', async () => {
    const one = await caller.create({ urls: urls('/ko/1', '/ko/2', '/ko/3'), request_delay: 0.2 });
    const other = await caller.create({ urls: urls('/en/1', '/en/2', '/en/3'), request_delay: 0.05 });
    await Promise.all([start(one), start(other)]);
    await Promise.all([caller.rest(one), caller.rest(other)]);
    const log = service.site.log.after(0).filter(({ job }) => [one, other].map(String).includes(job ?? ''));
    const last = pagesOf(one).at(-1)?.started ?? 0;
    expect(
      checkCrawl(
        log.filter(({ started }) => started <= last),
        { delayMillis: 200 },
      ).tooSoon,
    ).toEqual([]);
  });

  test('reads Korean pages from before UTF-8, whatever they say of themselves', async () => {
    const id = await caller.create({
      urls: urls(...oldPageNames.map((name) => `/old/${name}`)),
      css_selectors: { title: 'h1' },
    });
    await start(id);
    await caller.rest(id);
    expect((await caller.results(id)).map(({ content }) => content)).toEqual(
      oldPageNames.map(() => ({ title: oldTitle })),
    );
  });

  test('asks a busy host again when it said', async () => {
    const id = await caller.create({ urls: urls('/busy/once/500') });
    await start(id);
    await caller.rest(id);
    expect(pagesOf(id).map(({ status }) => status)).toEqual([429, 200]);
    expect((pagesOf(id)[1]?.started ?? 0) - (pagesOf(id)[0]?.started ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(await caller.results(id)).toHaveLength(1);
  });

  test('follows few redirects, and has the result under the URL of the job', async () => {
    const id = await caller.create({ urls: urls('/redirect/2', '/redirect/loop') });
    await start(id);
    await caller.rest(id);
    expect((await caller.results(id)).map(({ url }) => url)).toEqual(urls('/redirect/2'));
    expect(pagesOf(id).filter(({ path }) => path === '/redirect/loop')).toHaveLength(6);
  });

  test('leaves out what the filters say', async () => {
    const id = await caller.create({
      urls: urls('/ko/1', '/ko/2', '/en/1'),
      css_selectors: { title: 'h1' },
      content_filters: { include: ['운세', 'pillars'], exclude: ['2번째'], min_length: 3 },
    });
    await start(id);
    await caller.rest(id);
    expect((await caller.results(id)).map(({ url }) => url)).toEqual(urls('/ko/1', '/en/1'));
  });

  test('connects to nothing but what CRAWLER_ALLOWED_TARGETS names, by a redirect neither', async () => {
    let calls = 0;
    const other = createServer((_, response) => {
      calls++;
      response.end('<h1>secret</h1>');
    }).listen(0, '127.0.0.1');
    try {
      const port = await until('the other server listens', () => (other.address() as { port: number } | null)?.port);
      const away = ['127.0.0.1', 'localhost', '2130706433', '127.77.0.1'].map((host) => `http://${host}:${port}/`);
      const redirects = away.map((url) => `/redirect/to?url=${encodeURIComponent(url)}`);
      const id = await caller.create({ urls: [...away, ...urls(...redirects)] });
      await start(id);
      await caller.rest(id);
      expect(pagesOf(id)).toHaveLength(redirects.length);
      expect([calls, await caller.results(id)]).toEqual([0, []]);
    } finally {
      other.close();
    }
  });
});

describe('planted faults', () => {
  afterEach(() => plant({}));

  test('fail with nothing done, on the paths that they name', async () => {
    const id = await caller.create({ urls: urls('/ko/1'), cron_expression: '0 0 1 1 *' });
    await plant({ fail_share: 1, only: 'start' });
    expect(await start(id)).toMatchObject({ status: 500, body: { type: 'unexpected' } });
    expect(await caller.job(id)).toMatchObject({ status: 'paused' });
  });

  test('hang with nothing done until they are taken back', async () => {
    const id = await caller.create({ urls: urls('/ko/1'), cron_expression: '0 0 1 1 *' });
    await start(id);
    await plant({ hang: true, only: 'pause' });
    const paused = pause(id);
    expect(await caller.job(id)).toMatchObject({ status: 'scheduled' });
    await plant({});
    expect(await paused).toMatchObject({ status: 200, body: { status: 'paused' } });
  });

  test('answer late, or not at all, what was done', async () => {
    const id = await caller.create({ urls: urls('/ko/1'), cron_expression: '0 0 1 1 *' });
    await start(id);
    await plant({ late_ms: 60_000, only: 'pause' });
    const left = new AbortController();
    const late = fetch(`${service.url}/jobs/${id}/pause`, { method: 'POST', signal: left.signal });
    await until('it is paused all the same', async () => (await caller.job(id)).status === 'paused');
    left.abort();
    await expect(late).rejects.toThrow();
    await plant({ lose_answers: true, only: 'start' });
    await expect(start(id)).rejects.toThrow();
    expect(await caller.job(id)).toMatchObject({ status: 'scheduled' });
    await plant({});
    await pause(id);
  });
});
