import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  ScheduleAlreadyRunning,
  type ScheduleHandle,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { Failure, reportFailure, toFailure } from '../base/failures.js';
import type { JobToSchedule, ScheduleRecords } from '../crawler/schedule-records.js';
import { convertSchedule, temporalSpec } from '../domain/crawler/convert-schedule.js';
import type { CronCalendar } from '../domain/crawler/cron/cron-calendars.js';
import { UnreadableCron } from '../domain/crawler/cron/cron-problem.js';
import { jobOfSchedule, scheduleIdOf } from '../domain/crawler/run.js';
import { describeCrawl } from '../domain/plan-descriptions.js';
import { taskQueues } from '../domain/task-queues.js';
import type { Log } from './run-worker.js';

export interface ScheduleKeepingOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly reach: ReachCrashPoint;
  readonly log: Log;
}

const pollMillis = 500;
const pauseAfterFailureMillis = 2000;
const perLook = 100;
const maxFailures = 3;
/** All schedules are compared with the records so often: one may have been removed by hand, or lost. */
const reviewMillis = 60_000;

const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour', pauseOnFailure: false } as const;

/**
 * Keeps the schedules in Temporal as the rows of jobs say, and starts the run of a job that is to run at once, until the returned function is
 * called, which waits for what is under way. The rows decide: a run begins only if its job's row lets it. So each worker may do this.
 */
export function keepSchedules(records: ScheduleRecords, options: ScheduleKeepingOptions): () => Promise<void> {
  const stop = new AbortController();
  const loop = new ScheduleKeeper(records, options).keepUntil(stop.signal);
  return async () => {
    stop.abort();
    await loop;
  };
}

/** One that fails keeps no other one waiting; after three it is no single one's failure. Throws the first. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) {
    if (failures.length === maxFailures) break;
    await work(item).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

class ScheduleKeeper {
  private readonly client: Client;
  private reviewedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly records: ScheduleRecords,
    private readonly options: ScheduleKeepingOptions,
  ) {
    const { connection, namespace } = options;
    this.client = new Client({ connection, namespace });
  }

  async keepUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pause = pollMillis;
      try {
        await this.look();
      } catch (error) {
        // What it needs is away: the rows stay as they are.
        this.options.log.warn(reportFailure(toFailure(error)), 'schedules of jobs could not be kept');
        pause = pauseAfterFailureMillis;
      }
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  private async look(): Promise<void> {
    const { records } = this;
    await eachOf(await records.toApply(perLook), (job) => this.apply(job));
    await eachOf(await records.toDrop(perLook), (jobId) => this.drop(jobId));
    await eachOf(await records.toTrigger(perLook), (jobId) => this.trigger(jobId));
    if (performance.now() - this.reviewedAt < reviewMillis) return;
    await this.review();
    this.reviewedAt = performance.now();
  }

  private async apply(job: JobToSchedule): Promise<void> {
    const { reach, log } = this.options;
    let calendars: readonly CronCalendar[] | null;
    try {
      calendars = job.expression === null ? null : convertSchedule(job.expression, new Date());
    } catch (error) {
      if (!(error instanceof UnreadableCron)) throw error;
      log.error(
        { job: job.jobId, reason: error.problem },
        `the schedule of a job cannot be converted: ${error.detail}`,
      );
      await this.remove(job.jobId);
      await this.records.refused(job, error.problem);
      return;
    }
    reach('before-schedule-applied');
    await this.put(job, calendars ?? []);
    reach('after-schedule-applied');
    await this.records.applied(job, calendars);
  }

  private async put({ jobId, fires }: JobToSchedule, calendars: readonly CronCalendar[]): Promise<void> {
    const scheduleId = scheduleIdOf(jobId);
    const made = {
      spec: temporalSpec(calendars),
      policies,
      state: { paused: !fires },
      action: {
        type: 'startWorkflow' as const,
        workflowType: 'crawlRun',
        workflowId: scheduleId,
        taskQueue: taskQueues.crawler,
        args: [{ jobId }],
        ...describeCrawl(jobId),
      },
    };
    await this.atTemporal(async () => {
      try {
        await this.client.schedule.create({ scheduleId, ...made });
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        await this.handleOf(jobId).update(() => made);
      }
    });
  }

  private async drop(jobId: string): Promise<void> {
    await this.remove(jobId);
    await this.records.forget(jobId);
  }

  private async remove(jobId: string): Promise<void> {
    await this.ifThere(() => this.handleOf(jobId).delete());
  }

  /** A run that is still under way has its turn first: the trigger is repeated. */
  private async trigger(jobId: string): Promise<void> {
    this.options.reach('before-run-triggered');
    const isThere = await this.ifThere(() => this.handleOf(jobId).trigger(ScheduleOverlapPolicy.SKIP));
    this.options.reach('after-run-triggered');
    if (isThere) await this.records.triggered(jobId);
    else await this.records.forget(jobId);
  }

  /** Makes schedules anew that are not there, and removes those of jobs that the cube does not run. */
  private async review(): Promise<void> {
    const recorded = await this.records.scheduled();
    const there = new Set<string>();
    await this.atTemporal(async () => {
      for await (const { scheduleId } of this.client.schedule.list()) {
        const jobId = jobOfSchedule(scheduleId);
        if (jobId !== undefined) there.add(jobId);
      }
    });
    for (const jobId of recorded) if (!there.has(jobId)) await this.records.forget(jobId);
    // Made meanwhile, or left by a worker that died before it was on record.
    const now = await this.records.scheduled();
    for (const jobId of there) if (!recorded.has(jobId) && !now.has(jobId)) await this.remove(jobId);
  }

  private handleOf(jobId: string): ScheduleHandle {
    return this.client.schedule.getHandle(scheduleIdOf(jobId));
  }

  private async ifThere(work: () => Promise<void>): Promise<boolean> {
    return this.atTemporal(async () => {
      try {
        await work();
        return true;
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
        return false;
      }
    });
  }

  private async atTemporal<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      if (error instanceof Failure) throw error;
      throw new Failure('temporal_unreachable', 'The Temporal server did not take a schedule of a job.', {
        cause: error,
      });
    });
  }
}
