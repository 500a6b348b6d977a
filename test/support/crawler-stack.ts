import { inject } from 'vitest';
import { CrawlerSite } from '../../legacy/crawler-site/site.js';
import type { Visit } from '../../legacy/crawler-site/visits.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { CrawlerCaller } from './crawler-contract.js';
import { startCrawlerCubeHere } from './crawler-cube-here.js';
import { type Addresses, createDatabases, type TestDatabases } from './databases.js';
import { createNamespace } from './engine.js';
import { WorkerProcess } from './worker-process.js';

/** What crawler workers need beside their databases. */
export interface CrawlerServers {
  readonly temporalAddress: string;
  readonly redisUrl: string;
}

/** A job of the cube's as a test puts it into the table. */
export interface OwnJob {
  readonly paths: readonly string[];
  readonly cron?: string;
  readonly status: string;
  readonly selectors?: Readonly<Record<string, string>>;
  readonly filters?: object;
  readonly perMinute?: number;
  readonly delaySeconds?: number;
}

/** The crawler cube, crawler workers as processes of their own, and a site that keeps a log, over real servers. */
export class CrawlerStack {
  private readonly workers: WorkerProcess[] = [];
  private jobs = 0;

  private constructor(
    readonly databases: TestDatabases,
    private readonly servers: CrawlerServers,
    private readonly workerUrls: Addresses,
    readonly site: CrawlerSite,
    readonly siteUrl: string,
    readonly namespace: string,
    readonly url: string,
    /** What its callers send. */
    readonly headers: Readonly<Record<string, string>>,
    readonly caller: CrawlerCaller,
    private readonly closeCube: () => Promise<void>,
  ) {}

  static async start(servers: CrawlerServers & Addresses = inject('servers')): Promise<CrawlerStack> {
    const databases = await createDatabases(0, { servers });
    await upgradeLedger(databases.cubeUrl);
    return CrawlerStack.over(databases, { cube: databases, worker: databases }, servers);
  }

  /** Over databases that are there, in which cube and workers have these roles; `end` it. */
  static async over(
    databases: TestDatabases,
    roles: { readonly cube: Addresses; readonly worker: Addresses },
    servers: CrawlerServers = inject('servers'),
  ): Promise<CrawlerStack> {
    const site = new CrawlerSite();
    const siteUrl = await site.listen('127.77.0.1', 0);
    // No job of these tests is legacy's: what is passed on to it is refused.
    const { url, headers, close } = await startCrawlerCubeHere({ ...roles.cube, serviceUrl: '' });
    const namespace = await createNamespace(servers.temporalAddress);
    const caller = new CrawlerCaller({ url, headers });
    return new CrawlerStack(databases, servers, roles.worker, site, siteUrl, namespace, url, headers, caller, close);
  }

  async stop(): Promise<void> {
    await this.end();
    await this.databases.drop();
  }

  /** Without its databases. */
  async end(): Promise<void> {
    for (const worker of this.workers) await worker.end();
    await this.closeCube();
    await this.site.close();
  }

  /** Another worker; it has not begun yet. */
  worker(): WorkerProcess {
    const worker = new WorkerProcess('crawler', {
      TEMPORAL_ADDRESS: this.servers.temporalAddress,
      TEMPORAL_NAMESPACE: this.namespace,
      CRAWLER_CUBE_LEGACY_URL: this.workerUrls.legacyUrl,
      CUBE_DATABASE_URL: this.workerUrls.cubeUrl,
      REDIS_URL: this.servers.redisUrl,
      CRAWLER_ALLOWED_TARGETS: `127.77.0.1/32:${new URL(this.siteUrl).port}`,
    });
    this.workers.push(worker);
    return worker;
  }

  /** Puts a job into the table, and legacy's row of it; returns its id. */
  async insert({
    paths,
    cron,
    status,
    selectors = { title: 'h1' },
    filters = {},
    perMinute = 100_000,
    delaySeconds = 0,
  }: OwnJob) {
    const id = 900_000 + ++this.jobs;
    const urls = paths.map((path) => this.siteUrl + path);
    await this.databases.legacy.query(
      `insert into crawler_jobs (id, name, urls, cron_expression, rate_limit, request_delay, output_format, status, created_at)
       values ($1, 'by hand', $2, $3, $4, $5, 'json', 'paused', now())`,
      [id, urls, cron ?? null, perMinute, delaySeconds],
    );
    await this.databases.cube.query(
      `insert into crawler.jobs (id, name, target_urls, schedule, extraction_rules, rate_limiting, output_format, status, created_at, runner, epoch)
       values ($1, 'by hand', $2, $3, $4, $5, 'json', $6, now(), 'cube', 1)`,
      [
        id,
        urls,
        cron === undefined ? null : JSON.stringify({ type: 'cron', expression: cron }),
        JSON.stringify({ selectors, filters }),
        JSON.stringify({ requests_per_minute: perMinute, delay_between_requests: delaySeconds }),
        status,
      ],
    );
    return id;
  }

  /** Requests of pages by the job, in the site's own words. */
  pages(id: number): readonly Visit[] {
    return this.site.log.after(0).filter(({ job, path }) => job === String(id) && path !== '/robots.txt');
  }

  async runs(id: number): Promise<readonly CrawlerRun[]> {
    const found = await this.databases.cube.query<CrawlerRun>(
      'select run_id, epoch::int, due_at, started_at, ended_at, outcome from crawler.runs where job_id = $1 order by started_at',
      [id],
    );
    return found.rows;
  }

  /** Results of the job as legacy has them, with what the cube says of them. */
  async writtenBack(id: number): Promise<readonly { readonly id: string; readonly url: string }[]> {
    const found = await this.databases.legacy.query<{ id: string; url: string }>(
      'select id, url from crawler_results where job_id = $1 order by id',
      [id],
    );
    return found.rows;
  }
}

export interface CrawlerRun {
  readonly run_id: string;
  readonly epoch: number;
  readonly due_at: Date | null;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly outcome: string | null;
}
