import type pg from 'pg';
import { nextTime } from '../../domain/crawler/calendar-times.js';
import {
  type CrawlerJob,
  crawlerPageSize,
  cubeJobColumns,
  type JobActivity,
  legacyJobColumns,
} from '../../domain/crawler/crawler-job.js';
import type { CronCalendar } from '../../domain/crawler/cron/cron-calendars.js';
import { type CrawlerResult, crawlerResultColumns } from '../../domain/crawler/result-page.js';
import { forUser } from '../../postgres/users-statements.js';

/** A job that the cube runs, and what it does now. */
export interface OwnJob {
  readonly job: CrawlerJob;
  readonly activity: JobActivity;
}

/** Jobs and results of both sides. Ids are texts that `readJobId` accepts. Throws the failures of the databases. */
export interface JobRows {
  /** Undefined for a job that the cube does not run. */
  find(id: string): Promise<OwnJob | undefined>;
  /** The jobs of both sides after an id; one more than a page has where there are more. */
  list(after: string): Promise<readonly CrawlerJob[]>;
  /** In a transaction of the caller's, under the job's lock; undefined for a job that the cube does not run. */
  start(client: pg.ClientBase, id: string): Promise<OwnJob | undefined>;
  /** As `start`; a run that is under way stops within a batch. */
  pause(client: pg.ClientBase, id: string): Promise<OwnJob | undefined>;
  /** Whether either side has the job. */
  isKnown(id: string): Promise<boolean>;
  /** Results of either side after an id; one more than a page has where there are more. */
  results(jobId: string, after: string): Promise<readonly CrawlerResult[]>;
}

const limit = crawlerPageSize + 1;
const activityColumns = `calendars, exists (select from crawler.open_runs where open_runs.job_id = jobs.id) as running`;
const ownText = `select ${cubeJobColumns}, ${activityColumns} from crawler.jobs where id = $1::bigint and runner = 'cube'`;
const ownPageText = `select ${cubeJobColumns} from crawler.jobs where id > $1::bigint and runner = 'cube' order by jobs.id limit ${limit}`;
const legacyPageText = `select ${legacyJobColumns} from public.crawler_jobs where id > $1::bigint order by crawler_jobs.id limit ${limit}`;
const startText = `update crawler.jobs set status = case when schedule->>'expression' is null then 'active' else 'scheduled' end
  where id = $1::bigint and runner = 'cube' returning ${cubeJobColumns}, ${activityColumns}`;
const pauseText = `update crawler.jobs set status = 'paused'
  where id = $1::bigint and runner = 'cube' returning ${cubeJobColumns}, ${activityColumns}`;
const stopText = 'update crawler.open_runs set stopping = true where job_id = $1::bigint';
const knownText = 'select from public.crawler_jobs where id = $1::bigint';
const resultsText = (table: string) => `select ${crawlerResultColumns} from ${table} as results
  where job_id = $1::bigint and id > $2::bigint order by results.id limit ${limit}`;

type OwnRow = CrawlerJob & { readonly calendars: readonly CronCalendar[] | null; readonly running: boolean };

export function createJobRows(legacy: pg.Pool, cube: pg.Pool, clock: () => Date): JobRows {
  const ownJob = (row: OwnRow | undefined): OwnJob | undefined => {
    if (row === undefined) return undefined;
    const { calendars, running, ...job } = row;
    const fires = job.status === 'scheduled' && calendars !== null;
    return { job, activity: { running, nextRunAt: fires ? (nextTime(calendars, clock()) ?? null) : null } };
  };
  const change = async (client: pg.ClientBase, text: string, id: string) =>
    ownJob((await client.query<OwnRow>(text, [id])).rows[0]);
  const atCube = async <Row extends pg.QueryResultRow>(text: string, values: readonly string[]) =>
    forUser('cube', async () => (await cube.query<Row>(text, [...values])).rows);
  const atLegacy = async <Row extends pg.QueryResultRow>(text: string, values: readonly string[]) =>
    forUser('legacy', async () => (await legacy.query<Row>(text, [...values])).rows);
  return {
    find: async (id) => ownJob((await atCube<OwnRow>(ownText, [id]))[0]),
    list: async (after) =>
      firstById(await atCube<CrawlerJob>(ownPageText, [after]), await atLegacy<CrawlerJob>(legacyPageText, [after])),
    start: (client, id) => change(client, startText, id),
    async pause(client, id) {
      await client.query(stopText, [id]);
      return change(client, pauseText, id);
    },
    isKnown: async (id) => (await atCube(ownText, [id])).length > 0 || (await atLegacy(knownText, [id])).length > 0,
    // What is not written back yet is the cube's alone.
    results: async (jobId, after) =>
      firstById(
        await atLegacy<CrawlerResult>(resultsText('public.crawler_results'), [jobId, after]),
        await atCube<CrawlerResult>(resultsText('crawler.results'), [jobId, after]),
      ),
  };
}

/** The rows of both with the least ids; of two with one id the first list's. */
function firstById<Row extends { readonly id: string }>(first: readonly Row[], second: readonly Row[]): readonly Row[] {
  const rows = new Map([...second, ...first].map((row) => [row.id, row]));
  const byId = (one: Row, other: Row) => (BigInt(one.id) < BigInt(other.id) ? -1 : 1);
  return [...rows.values()].sort(byId).slice(0, limit);
}
