import type { AnsweredRow } from '../answered-rows.js';
import type { ModelTask } from '../metrics.js';

/** What both services answered for one row of the held-out test set. */
export interface ComparedRow {
  readonly label: unknown;
  readonly legacy: AnsweredRow;
  readonly cube: AnsweredRow;
}

/** All but the first are reasons for which a version is not activated. */
export const decisions = [
  'activate',
  'output_not_finite',
  'evidence_missing',
  'accuracy_dropped',
  'agreement_low',
] as const;
export type Decision = (typeof decisions)[number];

/** How far the answers of one side are from the labels. */
export interface SideAccuracy {
  /** Share of rows that are right; null for a regressor. */
  readonly accuracy: number | null;
  /** Null for a classifier, and where a row was not finite. */
  readonly mean_absolute_error: number | null;
}

/** What a comparison of answers says, as reports and the control API show it. */
export interface Judgement {
  readonly task: ModelTask;
  readonly n: number;
  /** Rows that legacy alone has right; null for a regressor. */
  readonly b: number | null;
  /** Rows that the cube alone has right; null for a regressor. */
  readonly c: number | null;
  /** Of a classifier (b − c)/n, of a regressor the mean growth of the error ÷ legacy's mean error; null where that is not defined. */
  readonly difference: number | null;
  /** What the true difference is below, with 97.5 % confidence; null where that is not defined. */
  readonly bound: number | null;
  readonly limit: number;
  /** Share of rows whose compared output is the same on both sides; null where that is not defined. */
  readonly agreement: number | null;
  readonly decision: Decision;
  /** Of `evidence_missing`: how many rows would do at the observed rates; null where no number would, or the test set cannot be read. */
  readonly rows_needed: number | null;
  readonly legacy: SideAccuracy;
  readonly cube: SideAccuracy;
}

/** The accuracy that a version may lose, and the growth of a regressor's error. */
export const dropLimit = 0.05;

/** The share of rows on which both sides have to agree. */
export const minAgreement = 0.95;

/** The decision on a bound. */
export function decide(
  difference: number,
  isBoundBelowLimit: boolean,
  agreement: number,
): Exclude<Decision, 'output_not_finite'> {
  if (!isBoundBelowLimit) return difference >= dropLimit ? 'accuracy_dropped' : 'evidence_missing';
  return agreement < minAgreement ? 'agreement_low' : 'activate';
}

/** The smallest number of rows from `min` on that satisfies what holds for every greater one; null where none does. */
export function fewestRows(min: number, isEnough: (rows: number) => boolean): number | null {
  let [low, high] = [min - 1, min];
  while (!isEnough(high)) {
    [low, high] = [high, 2 * high];
    if (high > Number.MAX_SAFE_INTEGER) return null;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
