import { defaultConvention } from '../src/domain/saju/birth.js';
import { pillarsOf, readReference } from './saju-reference.js';

/** How many rows of the reference are answered right. */
export interface AccuracyFigures {
  readonly rows: number;
  readonly right: number;
  /** Clock and day boundary together. */
  readonly conventions: number;
}

/** Calculates every row of the reference anew: all four pillars must be those that the row names. */
export function measureAccuracy(): AccuracyFigures {
  const reference = readReference();
  const right = reference.filter(
    (row) => pillarsOf({ ...defaultConvention, ...row, is_solar: true, is_leap_month: false }) === row.pillars,
  );
  const conventions = reference.map(({ clock, day_boundary: boundary }) => `${clock} ${boundary}`);
  return { rows: reference.length, right: right.length, conventions: new Set(conventions).size };
}
