import { oddities, specialResults } from './oddities.js';
import { readableSchedules, unreadableSchedules } from './schedules.js';
import type { SpecialJob, SpecialResult } from './special-job.js';
import { wrongJobs } from './wrong.js';

/** All special ones, or `few` of them, as they are in a small stack. */
export const specialJobSets = ['few', 'all'] as const;
export type SpecialJobSet = (typeof specialJobSets)[number];

export interface Special {
  readonly jobs: readonly SpecialJob[];
  readonly results: readonly SpecialResult[];
}

export function specialOf(set: SpecialJobSet): Special {
  const jobs = [...oddities, ...readableSchedules, ...unreadableSchedules, ...wrongJobs];
  if (set === 'all') return { jobs, results: specialResults };
  return {
    jobs: jobs.filter(({ name }) => few.has(name)),
    results: specialResults.filter(({ name }) => few.has(name)),
  };
}

/** One a reason, and some oddities that do not keep the crawler of a stack busy. */
const few: ReadonlySet<string> = new Set([
  'status-active',
  'name-10-kb',
  'name-emoji',
  'urls-old-encodings',
  'urls-disallowed-by-robots',
  'urls-missing-pages',
  'cron-either-day',
  'cron-second-friday',
  'cron-last-day',
  'cron-seconds-question-day',
  'results-many',
  'status-other',
  'urls-empty',
  'url-ftp',
  'url-metadata',
  'schedule-missing',
  'cron-wrapping-range',
  'cron-reboot',
  'cron-31-february',
  'selector-broken',
  'filter-broken',
  'rate-0',
  'delay-nan',
  'format-other',
  'created-infinite',
  'result-of-no-job',
  'result-list',
]);
