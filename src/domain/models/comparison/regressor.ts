import { areClose } from '../answered-rows.js';
import type { Tolerance } from '../metrics.js';
import { decide, dropLimit, fewestRows, type Judgement } from './judgement.js';
import { upperQuantile } from './students-t.js';

/** The numbers of one row: of several values in a row the error is their mean. */
export interface NumericRow {
  readonly label: readonly number[];
  readonly legacy: readonly number[];
  readonly cube: readonly number[];
}

/** Fewer do not show that the mean of so few errors is nearly normal. */
const minRows = 100;

/**
 * Compares two sides of a regressor by the growth of the absolute error row by row: the one-sided 97.5 % bound of its mean (paired t),
 * as a share of legacy's mean absolute error, has to be below the limit.
 */
export function judgeRegressor(rows: readonly NumericRow[], tolerance: Tolerance): Judgement {
  const n = rows.length;
  const legacyErrors = rows.map(({ label, legacy }) => meanError(legacy, label));
  const cubeErrors = rows.map(({ label, cube }) => meanError(cube, label));
  const close = rows.filter(({ legacy, cube }) => areClose(cube, legacy, tolerance)).length;
  const [legacyError, cubeError] = [mean(legacyErrors), mean(cubeErrors)];
  const agreement = n === 0 ? 0 : close / n;
  const common = {
    task: 'regressor',
    n,
    b: null,
    c: null,
    limit: dropLimit,
    agreement,
    legacy: { accuracy: null, mean_absolute_error: n === 0 ? null : legacyError },
    cube: { accuracy: null, mean_absolute_error: n === 0 ? null : cubeError },
  } as const;
  if (n === 0 || legacyError === 0) {
    const isEqual = close === n;
    const decision = !isEqual ? 'accuracy_dropped' : n < minRows ? 'evidence_missing' : 'activate';
    return {
      ...common,
      difference: null,
      bound: null,
      decision,
      rows_needed: decision === 'evidence_missing' ? minRows : null,
    };
  }
  const growth = cubeErrors.map((error, index) => (error - (legacyErrors[index] ?? 0)) / legacyError);
  const difference = mean(growth);
  const spread = standardDeviation(growth, difference);
  const boundAt = (count: number) => difference + (upperQuantile(count - 1) * spread) / Math.sqrt(count);
  const bound = n < 2 ? null : boundAt(n);
  const decision = decide(difference, n >= minRows && boundAt(n) < dropLimit, agreement);
  return {
    ...common,
    difference,
    bound,
    decision,
    rows_needed:
      decision === 'evidence_missing'
        ? fewestRows(Math.max(n + 1, minRows), (count) => boundAt(count) < dropLimit)
        : null,
  };
}

function meanError(found: readonly number[], label: readonly number[]): number {
  return mean(found.map((value, index) => Math.abs(value - (label[index] ?? Number.NaN))));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample; 0 of fewer than two values. */
function standardDeviation(values: readonly number[], middle: number): number {
  if (values.length < 2) return 0;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
