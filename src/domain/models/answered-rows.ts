import type { Tolerance } from './metrics.js';

/** A value of an output as JSON holds it: bare for [N], a list of numbers for [N,k]. A number that is not finite is null in JSON. */
export type AnsweredValue = number | string | boolean | null | readonly AnsweredValue[];

/** What a service answers for one row, by the names of the outputs. */
export type AnsweredRow = Readonly<Record<string, AnsweredValue>>;

/** Whether every number of every output is finite. */
export function isFiniteRow(row: AnsweredRow): boolean {
  return Object.values(row).every(isFiniteValue);
}

function isFiniteValue(value: AnsweredValue): boolean {
  if (Array.isArray(value)) return value.every(isFiniteValue);
  return typeof value === 'number' ? Number.isFinite(value) : value !== null;
}

/** Whether two values are the same; a list of one is its value. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && a.length === 1) return isSameValue(a[0], b);
  if (Array.isArray(b) && b.length === 1) return isSameValue(a, b[0]);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((part, index) => isSameValue(part, b[index]));
  return a === b;
}

/** The numbers of a value in their order, int64 in text among them; undefined for what is no number. */
export function numbersOf(value: unknown): readonly number[] | undefined {
  if (typeof value === 'number') return [value];
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return [Number(value)];
  if (!Array.isArray(value)) return undefined;
  const parts = value.map(numbersOf);
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

/** Whether numbers are equal within the tolerance, each for itself. `expected` is legacy's, which the relative part refers to. */
export function areClose(found: readonly number[], expected: readonly number[], tolerance: Tolerance): boolean {
  return (
    found.length === expected.length && found.every((value, index) => isClose(value, expected[index] ?? NaN, tolerance))
  );
}

/** Whether one part of the tolerance is met. */
export function isClose(found: number, expected: number, { absolute, relative }: Tolerance): boolean {
  const difference = Math.abs(found - expected);
  return difference <= absolute || difference <= relative * Math.abs(expected);
}
