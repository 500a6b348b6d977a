/** Which days an expression names; null stands for all. Each set is sorted and not empty. */
export interface DayRule {
  /** 1 to 31. */
  readonly days: readonly number[] | null;
  /** 0 is Sunday. */
  readonly weekdays: readonly number[] | null;
  /** 1 to 12. */
  readonly months: readonly number[] | null;
  readonly years: YearKind | null;
}

/** `leap`: with 29 days in February; `common`: without. */
export type YearKind = 'leap' | 'common';

export const everyDay: DayRule = { days: null, weekdays: null, months: null, years: null };

/** Months of equal length. February has two lengths. */
const lengths = [
  { length: 31, months: [1, 3, 5, 7, 8, 10, 12], years: null },
  { length: 30, months: [4, 6, 9, 11], years: null },
  { length: 29, months: [2], years: 'leap' },
  { length: 28, months: [2], years: 'common' },
] as const;

/** The last `count` days of each month, on these weekdays. */
export function lastDays(count: number, weekdays: readonly number[] | null): readonly DayRule[] {
  return lengths.map(({ length, months, years }) => ({
    days: Array.from({ length: count }, (_, index) => length - count + 1 + index),
    weekdays,
    months,
    years,
  }));
}

/** The days that all of both rules name; undefined where there are none. */
export function bothRules(one: DayRule, other: DayRule): DayRule | undefined {
  const days = common(one.days, other.days);
  const weekdays = common(one.weekdays, other.weekdays);
  const months = common(one.months, other.months);
  const years = one.years ?? other.years;
  const isEmpty = [days, weekdays, months].some((values) => values?.length === 0);
  const yearsDiffer = one.years !== null && other.years !== null && one.years !== other.years;
  return isEmpty || yearsDiffer ? undefined : { days, weekdays, months, years };
}

function common(one: readonly number[] | null, other: readonly number[] | null): readonly number[] | null {
  if (one === null || other === null) return one ?? other;
  return one.filter((value) => other.includes(value));
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
