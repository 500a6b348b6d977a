import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedCrawler } from '../../legacy/crawler/expected.js';
import type { CrawlerRows } from '../../legacy/crawler/generate.js';
import type { CrawlerSite } from '../../legacy/crawler-site/site.js';
import { until } from './conditions.js';

/** A crawler over legacy's tables, with all special rows in them, and the site that it may crawl. */
export interface CrawlerService {
  readonly url: string;
  /** What its callers send, such as a token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly legacy: pg.Pool;
  readonly rows: CrawlerRows;
  readonly site: CrawlerSite;
  /** Its origin. */
  readonly siteUrl: string;
  close(): Promise<void>;
}

export interface JobAnswer {
  readonly id: number;
  readonly status: string;
  readonly running: boolean;
  readonly next_run_at: string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it is what the test says
  readonly body: any;
}

export class CrawlerCaller {
  constructor(private readonly service: Pick<CrawlerService, 'url' | 'headers'>) {}

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(this.service.url + path, {
      method,
      headers: { ...this.service.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Makes a paused job; returns its id. */
  async create(job: object): Promise<number> {
    const { status, body } = await this.call('POST', '/jobs', {
      name: 'a job',
      rate_limit: 100_000,
      request_delay: 0,
      ...job,
    });
    expect([status, body]).toEqual([201, expect.objectContaining({ status: 'paused', running: false })]);
    return body.id;
  }

  /** All items of a list, page by page. */
  async list(path: string): Promise<readonly { readonly id: number }[]> {
    const items: { readonly id: number }[] = [];
    for (let cursor: string | null = '0'; cursor !== null; ) {
      const { body }: Answer = await this.call('GET', `${path}?cursor=${cursor}`);
      expect(body.items.length).toBeLessThanOrEqual(100);
      items.push(...body.items);
      cursor = body.next_cursor;
    }
    return items;
  }

  async job(id: number): Promise<JobAnswer> {
    return (await this.call('GET', `/jobs/${id}`)).body as JobAnswer;
  }

  async results(id: number): Promise<readonly { readonly url: string; readonly content: Record<string, string> }[]> {
    return (await this.call('GET', `/jobs/${id}/results`)).body.items;
  }

  /** Waits until the job is paused and does nothing. */
  async rest(id: number): Promise<void> {
    await until(`job ${id} is at rest`, async () => {
      const { status, running } = await this.job(id);
      return status === 'paused' && !running;
    });
  }
}

/** What legacy's crawler and the cube both answer: a client cannot tell which of them served it. */
export function describeCrawlerService(start: () => Promise<CrawlerService>): void {
  let service: CrawlerService;
  let caller: CrawlerCaller;
  beforeAll(async () => {
    service = await start();
    caller = new CrawlerCaller(service);
  });
  afterAll(() => service.close());
  const idOf = (name: string) => service.rows.specialJobs.get(name) ?? expect.fail(name);

  describe('a job that is created', () => {
    test('is paused, and answered as its row is', async () => {
      const job = {
        name: '오늘의 운세',
        urls: [`${service.siteUrl}/ko/1`],
        cron_expression: '0 3 * * *',
        css_selectors: { title: 'h1' },
        content_filters: { include: ['운세'] },
        rate_limit: 10,
        request_delay: 1.25,
        output_format: 'csv',
      };
      const { status, headers, body } = await caller.call('POST', '/jobs', job);
      expect([status, headers.get('content-type')]).toEqual([201, 'application/json; charset=utf-8']);
      expect(body).toEqual({
        ...job,
        id: expect.any(Number),
        status: 'paused',
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        running: false,
        next_run_at: null,
      });
      expect(await caller.call('GET', `/jobs/${body.id}`)).toMatchObject({ status: 200, body });
      const stored = await service.legacy.query('select urls, request_delay from crawler_jobs where id = $1', [
        body.id,
      ]);
      expect(stored.rows).toEqual([{ urls: job.urls, request_delay: '1.25' }]);
    });

    test('may have a name of 10 kB and 10,000 URLs', async () => {
      const name = '긴'.repeat(3333);
      const urls = Array.from({ length: 10_000 }, (_, place) => `${service.siteUrl}/bench/${place}`);
      const id = await caller.create({ name, urls });
      expect(await caller.job(id)).toMatchObject({ name, urls });
    });

    const valid = { name: 'a', urls: ['http://a.example/'] };
    test.each<[object | string, number, string]>([
      ['[]', 400, 'body'],
      ['{', 400, 'body'],
      [{ urls: valid.urls }, 400, 'name'],
      [{ ...valid, name: 1 }, 400, 'name'],
      [{ ...valid, name: ' ' }, 422, 'name'],
      [{ ...valid, name: 'a\0' }, 422, 'name'],
      [{ name: 'a' }, 400, 'urls'],
      [{ ...valid, urls: 'http://a.example/' }, 400, 'urls'],
      [{ ...valid, urls: [null] }, 400, 'urls'],
      [{ ...valid, urls: [] }, 422, 'urls'],
      [{ ...valid, urls: ['ftp://a.example/'] }, 422, 'urls'],
      [{ ...valid, urls: ['http://user@a.example/'] }, 422, 'urls'],
      [{ ...valid, cron_expression: 5 }, 400, 'cron_expression'],
      [{ ...valid, cron_expression: '61 * * * *' }, 422, 'cron_expression'],
      [{ ...valid, css_selectors: ['h1'] }, 400, 'css_selectors'],
      [{ ...valid, css_selectors: { title: 'h1[' } }, 422, 'css_selectors'],
      [{ ...valid, content_filters: 'x' }, 400, 'content_filters'],
      [{ ...valid, content_filters: { include: ['('] } }, 422, 'content_filters'],
      [{ ...valid, rate_limit: 1.5 }, 400, 'rate_limit'],
      [{ ...valid, rate_limit: 0 }, 422, 'rate_limit'],
      [{ ...valid, request_delay: '1' }, 400, 'request_delay'],
      [{ ...valid, request_delay: -1 }, 422, 'request_delay'],
      [{ ...valid, output_format: null }, 201, ''],
      [{ ...valid, output_format: 'xml' }, 422, 'output_format'],
      [{ ...valid, status: 'active' }, 400, 'status'],
    ])('of %j is answered %i, and names %s', async (body, status, field) => {
      const answer = await caller.call('POST', '/jobs', body);
      expect([answer.status, answer.body.field ?? '']).toEqual([status, field]);
      if (status !== 201) expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    });
  });

  describe('the list of jobs', () => {
    test('has every row once, by id, with its columns, whatever they hold', async () => {
      const stored = await service.legacy.query<{ id: number }>('select id::int from crawler_jobs order by id');
      const items = await caller.list('/jobs');
      expect(items.map(({ id }) => id)).toEqual(stored.rows.map(({ id }) => id));
      for (const name of Object.keys(expectedCrawler().jobs)) {
        const row = service.rows.jobs.find(({ id }) => id === idOf(name));
        const item = items.find(({ id }) => id === idOf(name)) ?? expect.fail(name);
        expect(item).toMatchObject({ name: row?.name, urls: row?.urls, rate_limit: row?.rate_limit });
        expect(Object.keys(item)).toEqual([
          ...['id', 'name', 'urls', 'cron_expression', 'css_selectors', 'content_filters', 'rate_limit'],
          ...['request_delay', 'output_format', 'status', 'created_at'],
        ]);
      }
    });

    test.each(['x', '-1', '9999999999999999999', ''])('refuses the cursor %j', async (cursor) => {
      expect(await caller.call('GET', `/jobs?cursor=${cursor}`)).toMatchObject({
        status: 400,
        body: { field: 'cursor' },
      });
    });
  });

  describe('one job', () => {
    test.each(['0', '-1', '1.5', 'x', '999999999', '9223372036854775808', '99999999999999999999'])(
      'called %s is not found by any route',
      async (id) => {
        for (const [method, path] of [
          ['GET', ''],
          ['GET', '/results'],
          ['POST', '/start'],
          ['POST', '/pause'],
        ] as const)
          expect(await caller.call(method, `/jobs/${id}${path}`)).toMatchObject({
            status: 404,
            body: { type: 'not_found' },
          });
      },
    );

    test('that is scheduled says when it runs next, in Seoul', async () => {
      const { next_run_at: next } = await caller.job(idOf('cron-daily'));
      expect(next).toMatch(/^\d{4}-\d\d-\d\dT18:00:00\.000000Z$/);
    });

    test('can be neither changed nor deleted', async () => {
      const id = idOf('status-paused');
      for (const method of ['PATCH', 'DELETE', 'PUT'])
        expect((await caller.call(method, `/jobs/${id}`)).status).toBe(405);
    });
  });

  describe('results', () => {
    test('of a job are in pages, by id', async () => {
      const id = idOf('results-many');
      const items = await caller.list(`/jobs/${id}/results`);
      const own = service.rows.results.filter(({ job_id }) => job_id === id);
      expect(items.map((item) => item.id)).toEqual(own.map((row) => row.id));
      expect(Object.keys(items[0] ?? {})).toEqual(['id', 'job_id', 'url', 'content', 'crawled_at']);
    });

    test('of a job without any are none', async () => {
      const { body } = await caller.call('GET', `/jobs/${idOf('results-none')}/results`);
      expect(body).toEqual({ items: [], next_cursor: null });
    });
  });

  describe('start and pause', () => {
    test('of a job without a schedule: it runs at once, and then is paused', async () => {
      const urls = ['/ko/1', '/en/2', '/status/404', '/ko/1'].map((path) => service.siteUrl + path);
      const id = await caller.create({ urls, css_selectors: { title: 'h1', author: '.author' } });
      const started = await caller.call('POST', `/jobs/${id}/start`);
      expect(started).toMatchObject({ status: 200, body: { id, status: 'active', next_run_at: null } });
      await caller.rest(id);
      expect(await caller.results(id)).toEqual([
        expect.objectContaining({ url: urls[0], content: { title: '소띠 1번째 오늘의 운세', author: '이서준' } }),
        expect.objectContaining({
          url: urls[1],
          content: { title: 'Reading the four pillars, part 2', author: 'Alice Kim' },
        }),
      ]);
    });

    test('of a job with a schedule: it waits for its time', async () => {
      const id = await caller.create({ urls: [`${service.siteUrl}/ko/77`], cron_expression: '0 0 29 2 *' });
      const started = await caller.call('POST', `/jobs/${id}/start`);
      expect(started).toMatchObject({ status: 200, body: { status: 'scheduled', running: false } });
      expect(started.body.next_run_at).toMatch(/^20\d\d-02-28T15:00:00\.000000Z$/);
      const again = await caller.call('POST', `/jobs/${id}/start`);
      expect(again).toEqual({ ...started, headers: expect.anything() });
      const paused = await caller.call('POST', `/jobs/${id}/pause`);
      expect(paused).toMatchObject({ status: 200, body: { status: 'paused', running: false, next_run_at: null } });
      expect(await caller.results(id)).toEqual([]);
    });
  });
}
