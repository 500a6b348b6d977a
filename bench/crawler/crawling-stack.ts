import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Visit } from '../../legacy/crawler-site/visits.js';
import { fillLegacy } from '../../legacy/fill.js';
import { packageRoot } from '../../src/base/package-root.js';
import { defaultCacheFolder } from '../../src/stack/downloads/fetch.js';
import { listProcesses, type RunningStack, startServers, stopStack } from '../../src/stack/stack.js';
import { StackHome } from '../../src/state/home.js';

/** A job to be crawled: pages of 20 kB of the demonstration site. */
export interface BenchJob {
  readonly pages: readonly number[];
  readonly perMinute: number;
}

/** What five selectors take from each page. */
export const selectors = {
  title: 'h1.title',
  author: '.author',
  published: 'time.published',
  summary: '.summary',
  note: '.body .note:first-of-type',
} as const;

const maxMillis = 20 * 60_000;

/** A whole stack of the benchmark's own, whose crawler worker crawls the demonstration site. */
export class CrawlingStack {
  private readonly end = new AbortController();
  private readonly watching: Promise<void>;
  private readonly furtherWorkers: ChildProcess[] = [];
  private lastJob = 900_000;

  private constructor(
    private readonly home: StackHome,
    private readonly stack: RunningStack,
    private readonly legacy: pg.Client,
    readonly cube: pg.Client,
  ) {
    this.watching = stack.watch(this.end.signal);
  }

  static async start(log: (text: string) => void): Promise<CrawlingStack> {
    const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-bench-crawler-')));
    let stack: RunningStack | undefined;
    try {
      stack = await startServers({ home, cacheFolder: defaultCacheFolder(process.env), environment: {}, log });
      await fillLegacy({ url: stack.env.LEGACY_DATABASE_URL ?? '', records: 1, seed: 7, log });
      await stack.startPrograms();
      const [legacy, cube] = [stack.env.LEGACY_DATABASE_URL, stack.env.CUBE_DATABASE_URL].map(
        (connectionString) => new pg.Client({ connectionString }),
      ) as [pg.Client, pg.Client];
      await Promise.all([legacy.connect(), cube.connect()]);
      return new CrawlingStack(home, stack, legacy, cube);
    } catch (error) {
      await stack?.stop();
      await stopStack(home, { purge: true });
      throw error;
    }
  }

  get siteUrl(): string {
    return this.stack.env.CRAWLER_SITE_URL ?? '';
  }

  get cubeUrl(): string {
    return this.stack.env.CUBE_DATABASE_URL ?? '';
  }

  urlOf(page: number): string {
    return `${this.siteUrl}/bench/${page}`;
  }

  /** Has jobs run once, at the same time. Returns the seconds from the start of the first run to the end of the last. */
  async crawl(jobs: readonly BenchJob[]): Promise<number> {
    const ids: number[] = [];
    for (const job of jobs) ids.push(await this.insert(job));
    const deadline = performance.now() + maxMillis;
    while (performance.now() < deadline) {
      const found = await this.cube.query<{ ended: number; outcomes: string[]; seconds: number }>(
        `select count(ended_at)::int as ended, array_agg(distinct outcome) as outcomes,
                extract(epoch from max(ended_at) - min(started_at))::float8 as seconds
           from crawler.runs where job_id = any ($1::bigint[])`,
        [ids],
      );
      const [{ ended, outcomes, seconds } = { ended: 0, outcomes: [], seconds: 0 }] = found.rows;
      if (ended === ids.length) {
        if (outcomes.join() !== 'done') throw new Error(`runs ended as ${outcomes.join(', ')}`);
        return seconds;
      }
      await sleep(200);
    }
    throw new Error('the runs have not ended in time');
  }

  /** Another crawler worker, beside that of the stack. */
  async addWorker(): Promise<void> {
    const log = openSync(join(this.home.folder, 'further-worker.log'), 'a');
    const worker = spawn(process.execPath, [join(packageRoot(), 'dist', 'src', 'workers', 'crawler.js')], {
      env: { PATH: process.env.PATH, ...this.stack.env },
      stdio: ['ignore', log, log],
    });
    this.furtherWorkers.push(worker);
    const deadline = performance.now() + 60_000;
    while (!readFileSync(join(this.home.folder, 'further-worker.log'), 'utf8').includes('worker ready')) {
      if (performance.now() > deadline || worker.exitCode !== null) throw new Error('the second worker does not start');
      await sleep(100);
    }
  }

  /** Resident memory of the stack's crawler worker, megabytes. */
  workerMegabytes(): number {
    const worker = listProcesses(this.home).find(({ name }) => name === 'worker-crawler');
    const status = readFileSync(`/proc/${worker?.pid}/status`, 'utf8');
    return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
  }

  /** When the site received requests of pages, in milliseconds, in their order. */
  async visits(): Promise<readonly number[]> {
    const answer = await fetch(`${this.siteUrl}/_log?after=0`);
    const visits = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Visit);
    return visits.filter(({ path }) => path.startsWith('/bench/')).map(({ started }) => started);
  }

  async stop(): Promise<void> {
    for (const worker of this.furtherWorkers) {
      const gone = once(worker, 'exit');
      worker.kill('SIGTERM');
      await gone;
    }
    await Promise.all([this.legacy.end(), this.cube.end()]);
    this.end.abort();
    await this.watching;
    await this.stack.stop();
    await stopStack(this.home, { purge: true });
  }

  private async insert({ pages, perMinute }: BenchJob): Promise<number> {
    const id = ++this.lastJob;
    const urls = pages.map((page) => this.urlOf(page));
    await this.legacy.query(
      `insert into crawler_jobs (id, name, urls, rate_limit, request_delay, output_format, status, created_at)
       values ($1, 'bench', $2, $3, 0, 'json', 'paused', now())`,
      [id, urls, perMinute],
    );
    await this.cube.query(
      `insert into crawler.jobs (id, name, target_urls, extraction_rules, rate_limiting, output_format, status, created_at, runner, epoch)
       values ($1, 'bench', $2, $3, $4, 'json', 'active', now(), 'cube', 1)`,
      [
        id,
        urls,
        JSON.stringify({ selectors, filters: {} }),
        JSON.stringify({ requests_per_minute: perMinute, delay_between_requests: 0 }),
      ],
    );
    return id;
  }
}
