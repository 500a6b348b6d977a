import type { CrashPoint } from '../../src/base/crash-points.js';

/** The instants at which a step of an AI model ends in the tests of models without services. */
export const modelCrashPoints = [
  'after-model-loaded',
  'after-intent',
  'after-artifact-stored',
  'before-version-commit',
  'after-version-commit',
  'before-activation-commit',
  'after-activation-commit',
] as const satisfies readonly CrashPoint[];

/** Those of the comparison, which asks both services: workers are killed at them. */
export const comparisonCrashPoints = [
  'before-comparison-commit',
  'after-comparison-commit',
] as const satisfies readonly CrashPoint[];

/** Those of the step that compares an int8 form. */
export const int8CrashPoints = ['before-int8-commit', 'after-int8-commit'] as const satisfies readonly CrashPoint[];
