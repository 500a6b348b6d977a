import { writeIsoTime } from '../iso-time.js';

/** A row of legacy's table `crawler_jobs`; numbers as text, times as PostgreSQL writes them in UTC, JSON as the unchanged text. */
export interface CrawlerJob {
  readonly id: string;
  readonly name: string;
  readonly urls: readonly (string | null)[];
  readonly cron_expression: string | null;
  readonly css_selectors: string | null;
  readonly content_filters: string | null;
  readonly rate_limit: string | null;
  readonly request_delay: string | null;
  readonly output_format: string | null;
  readonly status: string | null;
  readonly created_at: string | null;
}

/** What `GET /jobs/{id}` adds to the row. */
export interface JobActivity {
  /** True from before a run's first request until its last result is committed. */
  readonly running: boolean;
  readonly nextRunAt: Date | null;
}

/** Rows of a page of jobs or results. */
export const crawlerPageSize = 100;

/** The columns of a `CrawlerJob` of legacy's table, in SQL. */
export const legacyJobColumns = `id::text, name, urls, cron_expression, css_selectors::text, content_filters::text, rate_limit::text,
  request_delay::text, output_format, status, created_at::text`;

/** The same of the cube's table. */
export const cubeJobColumns = `id::text, name, target_urls as urls, schedule->>'expression' as cron_expression,
  (extraction_rules->'selectors')::text as css_selectors, (extraction_rules->'filters')::text as content_filters,
  rate_limiting->>'requests_per_minute' as rate_limit, rate_limiting->>'delay_between_requests' as request_delay,
  output_format, status, created_at::text`;

/** JSON of a row. */
export function writeJob(job: CrawlerJob): string {
  return `{${fieldsOf(job)}}`;
}

/** JSON of `GET /jobs/{id}`, and of the answers to start and pause. */
export function writeJobView(job: CrawlerJob, { running, nextRunAt }: JobActivity): string {
  const next = nextRunAt === null ? null : `${nextRunAt.toISOString().slice(0, -1)}000Z`;
  return `{${fieldsOf(job)},"running":${running},"next_run_at":${JSON.stringify(next)}}`;
}

/** JSON of a page by id, from one row more than it has where there are more. */
export function writeJobPage(jobs: readonly CrawlerJob[]): string {
  const items = jobs.slice(0, crawlerPageSize);
  const next = jobs.length > crawlerPageSize ? (items.at(-1)?.id ?? null) : null;
  return `{"items":[${items.map(writeJob).join(',')}],"next_cursor":${JSON.stringify(next)}}`;
}

/** The id of a path of the service, or undefined where it is that of no row. */
export function readJobId(text: string): string | undefined {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n ? text : undefined;
}

/** The cursor of a query, 0 where there is none; undefined for one that no page gave. */
export function readCrawlerCursor(query: unknown): string | undefined {
  const { cursor = '0' }: { cursor?: unknown } = Object(query);
  return typeof cursor === 'string' && /^\d{1,19}$/.test(cursor) && BigInt(cursor) < 2n ** 63n ? cursor : undefined;
}

function fieldsOf(job: CrawlerJob): string {
  const texts = `"id":${job.id},"name":${JSON.stringify(job.name)},"urls":${JSON.stringify(job.urls)}`;
  const rules = `"css_selectors":${job.css_selectors},"content_filters":${job.content_filters}`;
  const pace = `"rate_limit":${job.rate_limit},"request_delay":${numberOf(job.request_delay)}`;
  const rest = `"output_format":${JSON.stringify(job.output_format)},"status":${JSON.stringify(job.status)}`;
  const created = JSON.stringify(writeIsoTime(job.created_at));
  return `${texts},"cron_expression":${JSON.stringify(job.cron_expression)},${rules},${pace},${rest},"created_at":${created}`;
}

/** JSON knows no NaN and no infinity. */
function numberOf(text: string | null): string {
  return text !== null && /^-?\d/.test(text) ? text : 'null';
}
