import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { type CrawlPorts, crawl } from './crawl.js';
import {
  endActive,
  findJob,
  findLiveJob,
  insertResult,
  isLive,
  type JobRow,
  type JobState,
  liveJobs,
  setStatus,
} from './rows.js';
import { readTimetable, type Timetable } from './timetable.js';
import { Turns } from './turns.js';

export interface SchedulerOptions extends Pick<CrawlPorts, 'agent' | 'visits'> {
  readonly pool: pg.Pool;
  /** How often the table is looked at: a run begins at most so long after it is due. */
  readonly pollMillis: number;
  readonly log: (text: string) => void;
}

/** A tick that was noticed later, as after a process was frozen, is one of those that nothing makes up for. */
const maxLateMillis = 10_000;

interface Due {
  readonly expression: string;
  readonly timetable: Timetable | undefined;
  next: Date | null;
}

/**
 * Runs jobs by what the table says of them: an active one at once, a scheduled one when it is due. What it promises: after `pause` has returned
 * no run of the job begins and no URL; a job is running from before its first request until its last result is committed; a job never runs
 * twice at the same time. A tick during a run is skipped, and so is every tick that passes while the process is down.
 */
export class Scheduler {
  private readonly runs = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  private readonly dues = new Map<string, Due>();
  private readonly turns = new Turns();
  private readonly closing = new AbortController();
  private polling: Promise<void> = Promise.resolve();

  constructor(private readonly options: SchedulerOptions) {}

  begin(): void {
    this.polling = this.poll();
  }

  /** Stops what runs as `pause` does, and waits for it; the table stays as it is. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.polling;
    for (const { stop } of this.runs.values()) stop.abort();
    await Promise.all([...this.runs.values()].map(({ ended }) => ended));
  }

  isRunning(id: string): boolean {
    return this.runs.has(id);
  }

  /** Null for a job that is not scheduled, or never due again. */
  nextRun({ status, cron_expression: expression }: Pick<JobRow, 'status' | 'cron_expression'>): Date | null {
    if (status !== 'scheduled' || expression === null) return null;
    return readTimetable(expression)?.nextAfter(new Date()) ?? null;
  }

  /** A job with an expression becomes scheduled; one without becomes active, and runs at once. Undefined where there is no such job. */
  start(id: string): Promise<JobRow | 'unreadable' | undefined> {
    return this.turns.take(id, async () => {
      const { pool } = this.options;
      const row = await findJob(pool, id);
      if (row === undefined) return undefined;
      const { cron_expression: expression } = row;
      if (expression === null) {
        const active = await setStatus(pool, id, 'active');
        await this.beginRun(id);
        return active;
      }
      if (readTimetable(expression) === undefined) return 'unreadable';
      // Due from this moment on, not from the next look.
      if (row.status !== 'scheduled') this.dues.set(id, dueFrom(expression));
      return setStatus(pool, id, 'scheduled');
    });
  }

  pause(id: string): Promise<JobRow | undefined> {
    return this.turns.take(id, async () => {
      const row = await setStatus(this.options.pool, id, 'paused');
      this.runs.get(id)?.stop.abort();
      this.dues.delete(id);
      return row;
    });
  }

  private async poll(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => this.say(error));
      await pause(this.options.pollMillis, undefined, { signal }).catch(() => undefined);
    }
  }

  private async look(): Promise<void> {
    const jobs = await liveJobs(this.options.pool);
    const scheduled = new Set(jobs.filter(({ status }) => status === 'scheduled').map(({ id }) => id));
    for (const id of this.dues.keys()) if (!scheduled.has(id)) this.dues.delete(id);
    for (const job of jobs) {
      const isDue = job.status === 'active' || this.passTick(job);
      if (isDue && !this.runs.has(job.id)) await this.turns.take(job.id, () => this.beginRun(job.id));
    }
  }

  /** Whether a tick has come, which counts as passed from now on. */
  private passTick({ id, cron_expression: expression }: JobState): boolean {
    if (expression === null) return false;
    const known = this.dues.get(id);
    if (known?.expression !== expression) {
      this.dues.set(id, dueFrom(expression));
      return false;
    }
    const now = new Date();
    if (known.next === null || known.next > now) return false;
    const late = now.getTime() - known.next.getTime();
    known.next = known.timetable?.nextAfter(now) ?? null;
    return late <= maxLateMillis;
  }

  /** In the job's turn. */
  private async beginRun(id: string): Promise<void> {
    const { pool, agent, visits } = this.options;
    if (this.runs.has(id) || this.closing.signal.aborted) return;
    const job = await findLiveJob(pool, id);
    if (job === undefined) return;
    const stop = new AbortController();
    const ports: CrawlPorts = {
      agent,
      visits,
      isWanted: (jobId) => isLive(pool, jobId),
      keep: (jobId, url, content) => insertResult(pool, jobId, url, content),
    };
    const ended = crawl(job, randomUUID(), ports, stop.signal)
      .catch((error: unknown) => this.say(error))
      .then(() => this.endRun(job, stop.signal.aborted))
      .catch((error: unknown) => this.say(error))
      .finally(() => this.runs.delete(id));
    this.runs.set(id, { stop, ended });
  }

  private async endRun({ id, status, cron_expression: expression }: JobState, isStopped: boolean): Promise<void> {
    if (isStopped || status !== 'active') return;
    await this.turns.take(id, () => endActive(this.options.pool, id, expression === null ? 'paused' : 'scheduled'));
  }

  /** What a server says may quote a page. */
  private say(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    this.options.log(`${error instanceof Error ? error.name : typeof error}${code}`);
  }
}

function dueFrom(expression: string): Due {
  const timetable = readTimetable(expression);
  return { expression, timetable, next: timetable?.nextAfter(new Date()) ?? null };
}
