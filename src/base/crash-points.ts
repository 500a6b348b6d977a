/**
 * Named instants between two side effects at which a program can be set to kill itself, so that tests can prove what a
 * `kill -9` there leaves behind. In operation none is set, and `reach` does nothing.
 */
export const crashPoints = [
  'before-claim',
  'after-claim',
  'before-chunk-commit',
  'after-chunk-commit',
  'before-range-verified',
  'after-range-verified',
  'before-repair-commit',
  'after-repair-commit',
  'before-removal-commit',
  'after-removal-commit',
  'after-part-recorded',
  'after-contents-staged',
  'before-contents-leave',
  'after-contents-left',
  'after-model-loaded',
  'after-intent',
  'after-artifact-stored',
  'before-version-commit',
  'after-version-commit',
  'before-comparison-commit',
  'after-comparison-commit',
  'before-activation-commit',
  'after-activation-commit',
  'before-int8-commit',
  'after-int8-commit',
  'after-contents-withdrawn',
  'after-sweep-commit',
  'before-processing-started',
  'after-processing-started',
  'before-page-kept',
  'after-page-kept',
  'before-result-written',
  'after-result-written',
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
  'before-state-recorded',
  'after-state-recorded',
  'before-finalize',
  'after-finalize',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

/** Called at each point; the one that is armed does not return. */
export type ReachCrashPoint = (point: CrashPoint) => void;

/** `armed` is the name of one point, or empty. */
export function armCrashPoint(armed: string): ReachCrashPoint {
  return (point) => {
    if (point === armed) process.kill(process.pid, 'SIGKILL');
  };
}
