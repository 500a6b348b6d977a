import type { CrashPoint } from '../../src/base/crash-points.js';

/** The instants at which a control API that sweeps the store is killed in the tests. */
export const sweepCrashPoints = [
  'after-contents-withdrawn',
  'after-sweep-commit',
] as const satisfies readonly CrashPoint[];
