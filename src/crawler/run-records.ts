import type pg from 'pg';
import { namesTime } from '../domain/crawler/calendar-times.js';
import type { CronCalendar } from '../domain/crawler/cron/cron-calendars.js';
import { type CrawlRun, outcomeOf, type RunOutcome, type RunProgress } from '../domain/crawler/run.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import type { JobLease } from './job-lease.js';

/** A run that has not ended, with its job as it was when the run began. */
export interface OpenRun extends RunProgress {
  readonly list: readonly string[];
  /** How many of the list were begun or postponed. */
  readonly taken: number;
  /** Places in the list of URLs that were taken and are still to be fetched. */
  readonly postponed: readonly number[];
  readonly selectors: unknown;
  readonly filters: unknown;
  readonly ratePerMinute: number;
  readonly delaySeconds: number;
}

/** `not_due`: the job is paused, another side's, or not there any more. */
export type BegunRun = { readonly state: 'begun' | 'not_due' } | EndedRun;

export interface EndedRun {
  readonly state: 'ended';
  readonly outcome: RunOutcome;
}

/** The runs of the cube's jobs. What changes something does so under the job's lease, and throws `claim_lost` where another has it. */
export interface RunRecords {
  /** Begins the run that became due or was triggered at this time, or finds it begun; ends what another plan of the job has left open. */
  begin(run: CrawlRun, at: Date, lease: JobLease): Promise<BegunRun>;
  /** Undefined for one that has ended. */
  find(run: CrawlRun): Promise<OpenRun | undefined>;
  /** Whether the job was neither paused nor given to another side, nor removed, since the run began. */
  goesOn(run: CrawlRun): Promise<boolean>;
  /** The outcome of a run that has ended before stays. Without one it follows from how far the run is. */
  end(run: CrawlRun, lease: JobLease, outcome?: RunOutcome): Promise<EndedRun>;
}

const outcomeText = 'select outcome from crawler.runs where run_id = $1';
/** Each step of a run says that its plan goes on. */
const findText = `update crawler.open_runs set touched_at = now() where run_id = $1
  returning urls as list, cardinality(urls) as urls, taken, postponed, fetched, failed, extraction_rules->'selectors' as selectors, extraction_rules->'filters' as filters,
    coalesce((rate_limiting->>'requests_per_minute')::float8, 60) as "ratePerMinute",
    coalesce((rate_limiting->>'delay_between_requests')::float8, 0) as "delaySeconds"`;
const goesOnText = `select from crawler.open_runs as open join crawler.runs as run using (run_id) join crawler.jobs as job on job.id = open.job_id
  where open.run_id = $1 and not open.stopping and job.status <> 'paused' and job.runner = 'cube' and job.epoch = run.epoch`;
const jobText = `select target_urls as urls, calendars, epoch::text from crawler.jobs
  where id = $1 and runner = 'cube' and status in ('active', 'scheduled') for share`;
const leftText = `select run_id as "runId" from crawler.open_runs where job_id = $1 and run_id <> $2`;
const beginText = `insert into crawler.runs (run_id, job_id, epoch, due_at, started_at) values ($1, $2, $3, $4, now())`;
const openText = `insert into crawler.open_runs (run_id, job_id, urls, extraction_rules, rate_limiting, touched_at)
  select $1, id, $3, extraction_rules, rate_limiting, now() from crawler.jobs where id = $2`;
const closeText = `delete from crawler.open_runs where run_id = $1 returning fetched, failed, cardinality(urls) as urls, stopping`;
const endText = 'update crawler.runs set ended_at = now(), outcome = $2 where run_id = $1 and outcome is null';
/** A start by hand is over with its run, unless the job was started anew meanwhile. */
const restText = `update crawler.jobs as job set status = case when schedule->>'expression' is null then 'paused' else 'scheduled' end
  from crawler.runs as run
  where run.run_id = $1 and job.id = run.job_id and job.epoch = run.epoch and job.runner = 'cube' and job.status = 'active'`;

interface JobRow {
  readonly urls: readonly (string | null)[];
  readonly calendars: readonly CronCalendar[] | null;
  readonly epoch: string;
}

export function createRunRecords(cube: pg.Pool): RunRecords {
  const underLease = <T>(lease: JobLease, work: (client: pg.ClientBase) => Promise<T>) =>
    atSide('cube', () =>
      inTransaction(cube, async (client) => {
        await lease.confirm(client);
        return work(client);
      }),
    );
  return {
    begin: (run, at, lease) => underLease(lease, (client) => begin(client, run, at)),
    find: ({ runId }) => atSide('cube', async () => (await cube.query<OpenRun>(findText, [runId])).rows[0]),
    goesOn: ({ runId }) => atSide('cube', async () => (await cube.query(goesOnText, [runId])).rowCount === 1),
    end: (run, lease, outcome) => underLease(lease, (client) => end(client, run, outcome)),
  };
}

async function begin(client: pg.ClientBase, { jobId, runId }: CrawlRun, at: Date): Promise<BegunRun> {
  const known = await outcomeOfRun(client, runId);
  if (known !== undefined) return known === null ? { state: 'begun' } : { state: 'ended', outcome: known };
  const job = (await client.query<JobRow>(jobText, [jobId])).rows[0];
  if (job === undefined) return { state: 'not_due' };
  const left = await client.query<{ runId: string }>(leftText, [jobId, runId]);
  for (const one of left.rows) await close(client, one.runId);
  const dueAt = job.calendars !== null && namesTime(job.calendars, at) ? at : null;
  await client.query(beginText, [runId, jobId, job.epoch, dueAt]);
  // Each of its URLs once.
  const urls = [...new Set(job.urls.filter((url) => url !== null))];
  await client.query(openText, [runId, jobId, urls]);
  return { state: 'begun' };
}

async function end(client: pg.ClientBase, { runId }: CrawlRun, outcome?: RunOutcome): Promise<EndedRun> {
  const closed = await close(client, runId, outcome);
  if (closed === undefined) return { state: 'ended', outcome: (await outcomeOfRun(client, runId)) ?? 'stopped' };
  if (!closed.stopping) await client.query(restText, [runId]);
  return { state: 'ended', outcome: closed.outcome };
}

/** Undefined for a run that is not open. */
async function close(client: pg.ClientBase, runId: string, given?: RunOutcome) {
  const closed = (await client.query<RunProgress & { stopping: boolean }>(closeText, [runId])).rows[0];
  if (closed === undefined) return undefined;
  const outcome = given ?? outcomeOf(closed);
  await client.query(endText, [runId, outcome]);
  return { outcome, stopping: closed.stopping };
}

/** Null for a run that has not ended, undefined for one that has not begun. */
async function outcomeOfRun(client: pg.ClientBase, runId: string): Promise<RunOutcome | null | undefined> {
  return (await client.query<{ outcome: RunOutcome | null }>(outcomeText, [runId])).rows[0]?.outcome;
}
