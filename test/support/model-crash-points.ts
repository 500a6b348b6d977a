import type { CrashPoint } from '../../src/base/crash-points.js';

/** The instants at which a step of an AI model ends in the tests of models. */
export const modelCrashPoints = [
  'after-intent',
  'after-artifact-stored',
  'before-version-commit',
  'after-version-commit',
  'before-activation-commit',
  'after-activation-commit',
] as const satisfies readonly CrashPoint[];
