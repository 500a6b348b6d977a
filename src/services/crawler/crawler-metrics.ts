import type pg from 'pg';
import { Counter, Gauge, type Registry } from 'prom-client';
import { nextTime } from '../../domain/crawler/calendar-times.js';
import type { CronCalendar } from '../../domain/crawler/cron/cron-calendars.js';

/** Series of one family, so that many jobs and hosts make no more: what is beyond counts as `other`. */
const maxSeries = 500;

/** What workers have fetched by job and host; the sum of what has no series of its own is under `other`. */
const totalsText = `with placed as (
    select job_id::text as job, host, measure, value, dense_rank() over (order by job_id, host) as place from crawler.totals
  )
  select case when place <= ${maxSeries} then job else 'other' end as job,
         case when place <= ${maxSeries} then host else 'other' end as host, measure, sum(value)::float8 as value
    from placed group by 1, 2, 3`;
const jobsText = `select job.id::text as job, case when job.status = 'scheduled' then job.calendars end as calendars,
    last.outcome, extract(epoch from last.ended_at)::float8 as "endedAt"
  from crawler.jobs as job
  left join lateral (select outcome, ended_at from crawler.runs
                      where runs.job_id = job.id and outcome is not null order by started_at desc limit 1) as last on true
  where job.runner = 'cube' order by job.id limit ${maxSeries}`;

interface TotalRow {
  readonly job: string;
  readonly host: string;
  readonly measure: string;
  readonly value: number;
}

interface JobRow {
  readonly job: string;
  readonly calendars: readonly CronCalendar[] | null;
  readonly outcome: string | null;
  readonly endedAt: number | null;
}

/**
 * What the crawler cube says of its jobs, for `GET /metrics`. Workers keep the figures in the cube database, so that every instance of the cube
 * answers the same: a sum over instances counts them several times.
 */
export class CrawlerMetrics {
  private readonly pages = counter('pages_total', 'Pages that were fetched', ['job', 'host']);
  private readonly bytes = counter('bytes_total', 'Bytes of pages that were fetched', ['job', 'host']);
  private readonly errors = counter('errors_total', 'URLs that were not fetched', ['job', 'host', 'reason']);
  private readonly waiting = counter('rate_wait_seconds_total', 'Time of waiting for the pace of a host', [
    'job',
    'host',
  ]);
  private readonly lastRun = gauge('last_run_timestamp_seconds', 'End of the last run, by its outcome', [
    'job',
    'outcome',
  ]);
  private readonly nextRun = gauge('next_run_timestamp_seconds', 'When the job runs next', ['job']);
  private readonly all = [this.pages, this.bytes, this.errors, this.waiting, this.lastRun, this.nextRun];

  constructor(
    private readonly cube: pg.Pool,
    private readonly clock: () => Date,
  ) {}

  async collect(registry: Registry): Promise<void> {
    if (registry.getSingleMetric('crawler_cube_pages_total') === undefined)
      for (const metric of this.all) registry.registerMetric(metric);
    for (const metric of this.all) metric.reset();
    // While the cube database is away the other figures of the cube are answered all the same.
    const found = await Promise.all([this.cube.query<TotalRow>(totalsText), this.cube.query<JobRow>(jobsText)]).catch(
      () => undefined,
    );
    if (found === undefined) return;
    const [totals, jobs] = found;
    for (const total of totals.rows) this.set(total);
    for (const { job, calendars, outcome, endedAt } of jobs.rows) {
      if (outcome !== null && endedAt !== null) this.lastRun.set({ job, outcome }, endedAt);
      const next = calendars === null ? undefined : nextTime(calendars, this.clock());
      if (next !== undefined) this.nextRun.set({ job }, next.getTime() / 1000);
    }
  }

  private set({ job, host, measure, value }: TotalRow): void {
    const [name, reason] = measure.split(':');
    if (name === 'pages') this.pages.inc({ job, host }, value);
    if (name === 'bytes') this.bytes.inc({ job, host }, value);
    if (name === 'waited') this.waiting.inc({ job, host }, value);
    if (name === 'failed' && reason !== undefined) this.errors.inc({ job, host, reason }, value);
  }
}

function counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
  return new Counter({ name: `crawler_cube_${name}`, help, labelNames, registers: [] });
}

function gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> {
  return new Gauge({ name: `crawler_cube_${name}`, help, labelNames, registers: [] });
}
