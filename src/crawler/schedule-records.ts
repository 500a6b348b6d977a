import type pg from 'pg';
import type { CronCalendar } from '../domain/crawler/cron/cron-calendars.js';
import { scheduleIdOf } from '../domain/crawler/run.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';

/** A job whose schedule in Temporal is not as its row says. */
export interface JobToSchedule {
  readonly jobId: string;
  readonly expression: string | null;
  /** Whether the schedule fires by itself. */
  readonly fires: boolean;
  /** What a schedule of this row is made of: recorded once it is applied. */
  readonly wanted: string;
}

/** What the cube database says of the schedules of jobs. Throws its failures. */
export interface ScheduleRecords {
  /** Jobs of the cube whose schedule is still to be made, or to be changed. */
  toApply(max: number): Promise<readonly JobToSchedule[]>;
  /** Records what was applied; null calendars for a job without a cron expression. */
  applied(job: JobToSchedule, calendars: readonly CronCalendar[] | null): Promise<void>;
  /** Records that the expression of a job cannot be converted, and why. */
  refused(job: JobToSchedule, problem: string): Promise<void>;
  /** Jobs with a schedule that the cube does not run any more. */
  toDrop(max: number): Promise<readonly string[]>;
  /** Jobs that are to run at once, whose plan has not begun to. */
  toTrigger(max: number): Promise<readonly string[]>;
  triggered(jobId: string): Promise<void>;
  /** Every job that has a schedule by the records. */
  scheduled(): Promise<ReadonlySet<string>>;
  /** The schedule is not there any more. */
  forget(jobId: string): Promise<void>;
}

const fires = `(job.status = 'scheduled' or (job.status = 'active' and job.schedule->>'expression' is not null))`;
const wanted = `md5(concat_ws(' ', ${fires}, job.epoch, job.schedule->>'expression'))`;
const toApplyText = `select job.id::text as "jobId", job.schedule->>'expression' as expression, ${fires} as fires, ${wanted} as wanted
  from crawler.jobs as job left join crawler.schedules as made on made.job_id = job.id
  where job.runner = 'cube'
    and (made.applied is distinct from ${wanted} or (job.schedule_id is null and made.problem is null))
  order by job.id limit $1`;
const recordText = `insert into crawler.schedules as made (job_id, applied, problem) values ($1, $2, $3)
  on conflict (job_id) do update set applied = excluded.applied, problem = excluded.problem`;
const setText = 'update crawler.jobs set schedule_id = $2, calendars = $3 where id = $1';
const toDropText = `select made.job_id::text as "jobId" from crawler.schedules as made
  where not exists (select from crawler.jobs as job where job.id = made.job_id and job.runner = 'cube') limit $1`;
const forgetText = 'delete from crawler.schedules where job_id = $1';
/** A plan that was ended from outside leaves its run open, and nothing touches it any more. */
const toTriggerText = `select job.id::text as "jobId" from crawler.jobs as job join crawler.schedules as made on made.job_id = job.id
  where job.runner = 'cube' and job.status = 'active' and job.schedule_id is not null
    and (made.triggered_at is null or made.triggered_at < now() - interval '2 seconds')
    and not exists (select from crawler.open_runs as open
                     where open.job_id = job.id and not open.stopping and open.touched_at > now() - interval '2 minutes')
  limit $1`;
const triggeredText = 'update crawler.schedules set triggered_at = now() where job_id = $1';
const scheduledText = 'select job_id::text as "jobId" from crawler.schedules where problem is null';

export function createScheduleRecords(cube: pg.Pool): ScheduleRecords {
  const idsOf = (text: string, values: readonly unknown[] = []) =>
    atSide('cube', async () => (await cube.query<{ jobId: string }>(text, [...values])).rows.map(({ jobId }) => jobId));
  const change = async (text: string, jobId: string) => {
    await atSide('cube', () => cube.query(text, [jobId]));
  };
  const record = (
    { jobId, wanted: made }: JobToSchedule,
    problem: string | null,
    scheduleId: string | null,
    calendars: string | null,
  ) =>
    atSide('cube', () =>
      inTransaction(cube, async (client) => {
        await client.query(recordText, [jobId, made, problem]);
        await client.query(setText, [jobId, scheduleId, calendars]);
      }),
    );
  return {
    toApply: (max) => atSide('cube', async () => (await cube.query<JobToSchedule>(toApplyText, [max])).rows),
    applied: (job, calendars) =>
      record(job, null, scheduleIdOf(job.jobId), calendars === null ? null : JSON.stringify(calendars)),
    refused: (job, problem) => record(job, problem, null, null),
    toDrop: (max) => idsOf(toDropText, [max]),
    toTrigger: (max) => idsOf(toTriggerText, [max]),
    triggered: (jobId) => change(triggeredText, jobId),
    scheduled: async () => new Set(await idsOf(scheduledText)),
    forget: (jobId) => change(forgetText, jobId),
  };
}
