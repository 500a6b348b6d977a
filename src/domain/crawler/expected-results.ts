import { maxTimesWithin } from './calendar-times.js';
import type { CronCalendar } from './cron/cron-calendars.js';

/** What a job can bring, as far as ids are drawn ahead for it. */
export interface ExpectedJob {
  readonly urls: number;
  readonly ratePerMinute: number;
  readonly calendars: readonly CronCalendar[] | null;
}

/** How long runs go on while legacy, whose sequence gives the ids of results, is away. */
const legacyAbsenceHours = 4;
/** A job may be started by hand, and is there before its ids are. */
const leastResults = 1000;
/** However much the jobs could bring, so that no job uses up the numbers of a table. */
const mostResults = 1_000_000;

/** How many results the jobs bring at most while legacy is away for as long as the runs go on. */
export function expectedResults(jobs: readonly ExpectedJob[]): number {
  const expected = jobs.reduce((sum, job) => sum + expectedOf(job), 0);
  return Math.min(mostResults, Math.max(leastResults, Math.ceil(expected)));
}

function expectedOf({ urls, ratePerMinute, calendars }: ExpectedJob): number {
  // One run is under way, and another may be started by hand.
  const runs = 2 + maxTimesWithin(calendars ?? [], legacyAbsenceHours);
  // Each URL may be at a host of its own, and so have the rate for itself.
  return Math.min(urls * runs, urls * ratePerMinute * 60 * legacyAbsenceHours);
}
