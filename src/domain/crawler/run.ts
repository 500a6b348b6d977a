/** The schedule of a job, and what the ids of its runs' plans begin with. */
export function scheduleIdOf(jobId: string): string {
  return `crawl/${jobId}`;
}

/** The job of a schedule; undefined for one that is no job's. */
export function jobOfSchedule(scheduleId: string): string | undefined {
  return /^crawl\/(\d+)$/.exec(scheduleId)?.[1];
}

/** How a run ended: every URL answered, some of them, none, or it was stopped before. */
export type RunOutcome = 'done' | 'partly' | 'failed' | 'stopped';

/** What a run's plan is started with. */
export interface CrawlRunInput {
  readonly jobId: string;
}

/** A run of a job. `runId` stays the same over all continuations of its plan. */
export interface CrawlRun {
  readonly jobId: string;
  readonly runId: string;
}

/** How far a run is: of `urls` so many were `fetched`, and so many of these failed. */
export interface RunProgress {
  readonly fetched: number;
  readonly failed: number;
  readonly urls: number;
}

export function outcomeOf({ fetched, failed, urls }: RunProgress): RunOutcome {
  if (fetched < urls) return 'stopped';
  if (failed === 0) return 'done';
  return failed < urls ? 'partly' : 'failed';
}
