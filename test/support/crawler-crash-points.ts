import type { CrashPoint } from '../../src/base/crash-points.js';

/** The instants at which a crawler worker is killed in the tests of crawler jobs alone, in the order in which a job that is started comes to them. */
export const crawlerCrashPoints = [
  'before-schedule-applied',
  'after-schedule-applied',
  'before-run-triggered',
  'after-run-triggered',
  'before-run-begun',
  'after-run-begun',
  'before-batch-commit',
  'after-batch-commit',
  'before-run-ended',
  'before-results-written-back',
  'after-results-written-back',
] as const satisfies readonly CrashPoint[];
