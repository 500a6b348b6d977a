import type { CrashPoint } from '../../src/base/crash-points.js';

/** The instants at which a documents worker is killed in the tests of documents alone. */
export const documentCrashPoints = [
  'before-processing-started',
  'after-processing-started',
  'before-page-kept',
  'after-page-kept',
  'before-result-written',
  'after-result-written',
] as const satisfies readonly CrashPoint[];
