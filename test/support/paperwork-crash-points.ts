import type { CrashPoint } from '../../src/base/crash-points.js';

/** The instants at which a worker is killed in the tests of paperwork files alone. */
export const paperworkCrashPoints = [
  'after-part-recorded',
  'after-contents-staged',
  'before-contents-leave',
  'after-contents-left',
] as const satisfies readonly CrashPoint[];
