import type pg from 'pg';

/** A row of `crawler_jobs` as the service answers it: numbers of 64 bits and decimals as text, JSON as the unchanged text. */
export interface JobRow {
  readonly id: string;
  readonly name: string;
  readonly urls: string;
  readonly cron_expression: string | null;
  readonly css_selectors: string | null;
  readonly content_filters: string | null;
  readonly rate_limit: number | null;
  readonly request_delay: string | null;
  readonly output_format: string | null;
  readonly status: string | null;
  readonly created_at: string | null;
}

/** What a run does. */
export interface CrawlJob {
  readonly id: string;
  readonly urls: readonly (string | null)[];
  readonly css_selectors: unknown;
  readonly content_filters: unknown;
  readonly rate_limit: number | null;
  readonly request_delay: string | null;
}

/** What says when a job runs. */
export interface JobState {
  readonly id: string;
  readonly status: string | null;
  readonly cron_expression: string | null;
}

export interface ResultRow {
  readonly id: string;
  readonly job_id: string;
  readonly url: string | null;
  readonly content: string | null;
  readonly crawled_at: string | null;
}

/** The values of a job that is created. */
export interface NewJob {
  readonly name: string;
  readonly urls: readonly string[];
  readonly cron_expression: string | null;
  readonly css_selectors: object;
  readonly content_filters: object;
  readonly rate_limit: number;
  readonly request_delay: number;
  readonly output_format: string;
}

/** Rows of a page of either list. */
export const rowsPerPage = 100;

const columns = `id::text, name, to_json(urls)::text as urls, cron_expression, css_selectors::text, content_filters::text, rate_limit,
  request_delay::text, output_format, status, created_at::text`;

export async function findJob(pool: pg.Pool, id: string): Promise<JobRow | undefined> {
  return (await pool.query<JobRow>(`select ${columns} from crawler_jobs where id = $1`, [id])).rows[0];
}

/** Jobs after one id; one more than a page has where there are more. */
export async function listJobs(pool: pg.Pool, after: string): Promise<readonly JobRow[]> {
  const text = `select ${columns} from crawler_jobs where id > $1 order by crawler_jobs.id limit $2`;
  return (await pool.query<JobRow>(text, [after, rowsPerPage + 1])).rows;
}

/** Results of a job after one id; one more than a page has where there are more. */
export async function listResults(pool: pg.Pool, jobId: string, after: string): Promise<readonly ResultRow[]> {
  const found = await pool.query<ResultRow>(
    `select id::text, job_id::text, url, content::text, crawled_at::text from crawler_results
      where job_id = $1 and id > $2 order by crawler_results.id limit $3`,
    [jobId, after, rowsPerPage + 1],
  );
  return found.rows;
}

export async function insertJob(pool: pg.Pool, job: NewJob): Promise<JobRow> {
  const made = await pool.query<JobRow>(
    `insert into crawler_jobs (name, urls, cron_expression, css_selectors, content_filters, rate_limit, request_delay, output_format, status, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 'paused', now()) returning ${columns}`,
    [
      ...[job.name, job.urls, job.cron_expression, JSON.stringify(job.css_selectors)],
      ...[JSON.stringify(job.content_filters), job.rate_limit, job.request_delay, job.output_format],
    ],
  );
  const [row] = made.rows;
  if (row === undefined) throw new Error('an insert returned no row');
  return row;
}

export async function setStatus(pool: pg.Pool, id: string, status: string): Promise<JobRow | undefined> {
  const text = `update crawler_jobs set status = $2 where id = $1 returning ${columns}`;
  return (await pool.query<JobRow>(text, [id, status])).rows[0];
}

/** What an active job is after its one run, unless somebody made it something else meanwhile. */
export async function endActive(pool: pg.Pool, id: string, status: 'paused' | 'scheduled'): Promise<void> {
  await pool.query(`update crawler_jobs set status = $2 where id = $1 and status = 'active'`, [id, status]);
}

/** The jobs that run now or at times. */
export async function liveJobs(pool: pg.Pool): Promise<readonly JobState[]> {
  const text = `select id::text, status, cron_expression from crawler_jobs where status in ('active', 'scheduled')`;
  return (await pool.query<JobState>(text)).rows;
}

/** Undefined where the job is not one that runs any more. */
export async function findLiveJob(pool: pg.Pool, id: string): Promise<(CrawlJob & JobState) | undefined> {
  const found = await pool.query<CrawlJob & JobState>(
    `select id::text, status, cron_expression, to_json(urls) as urls, css_selectors, content_filters, rate_limit, request_delay::text
       from crawler_jobs where id = $1 and status in ('active', 'scheduled')`,
    [id],
  );
  return found.rows[0];
}

export async function isLive(pool: pg.Pool, id: string): Promise<boolean> {
  const text = `select from crawler_jobs where id = $1 and status in ('active', 'scheduled')`;
  return (await pool.query(text, [id])).rowCount === 1;
}

export async function insertResult(pool: pg.Pool, jobId: string, url: string, content: object): Promise<void> {
  await pool.query('insert into crawler_results (job_id, url, content, crawled_at) values ($1, $2, $3, now())', [
    jobId,
    url,
    JSON.stringify(content),
  ]);
}
