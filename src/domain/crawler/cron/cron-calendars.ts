import { UnreadableCron } from './cron-problem.js';
import { type DayRule, isLeapYear, type YearKind } from './day-rule.js';
import type { CronSchedule } from './read-cron.js';

/**
 * One calendar of a Temporal schedule with every value written out: it matches where each field does. A day field that is left out matches
 * every day; 0 is Sunday.
 */
export interface CronCalendar {
  readonly second: readonly number[];
  readonly minute: readonly number[];
  readonly hour: readonly number[];
  readonly day_of_month?: readonly number[];
  readonly month?: readonly number[];
  readonly day_of_week?: readonly number[];
  readonly year?: readonly number[];
}

/** Temporal's calendars end with this year. */
const lastYear = 2100;

/** A schedule that names nothing for so long is taken for a mistake. */
const yearsAhead = 8;

/** The calendars that name the instants of the schedule together, from the year of `today` on. */
export function calendarsOf({ seconds, minutes, hours, days }: CronSchedule, today: LocalDay): readonly CronCalendar[] {
  return days.map((rule) => ({
    second: seconds,
    minute: minutes,
    hour: hours,
    ...(rule.days === null ? {} : { day_of_month: rule.days }),
    ...(rule.months === null ? {} : { month: rule.months }),
    ...(rule.weekdays === null ? {} : { day_of_week: rule.weekdays }),
    ...(rule.years === null ? {} : { year: yearsOf(rule.years, today.year) }),
  }));
}

/** A day in the zone of the schedule. */
export interface LocalDay {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/** Throws `UnreadableCron` where no day from `today` on, for eight years, is named. */
export function assertEverMatches({ days }: CronSchedule, today: LocalDay): void {
  const end = Date.UTC(today.year + yearsAhead, today.month - 1, today.day);
  for (let at = Date.UTC(today.year, today.month - 1, today.day); at <= end; at += 86_400_000)
    if (days.some((rule) => isDayOf(rule, new Date(at)))) return;
  throw new UnreadableCron('cron_never', `it names no day within ${yearsAhead} years`);
}

/** Whether the rule names the day on which this instant falls in UTC. */
function isDayOf({ days, weekdays, months, years }: DayRule, date: Date): boolean {
  return (
    (days?.includes(date.getUTCDate()) ?? true) &&
    (weekdays?.includes(date.getUTCDay()) ?? true) &&
    (months?.includes(date.getUTCMonth() + 1) ?? true) &&
    (years === null || isLeapYear(date.getUTCFullYear()) === (years === 'leap'))
  );
}

function yearsOf(kind: YearKind, from: number): readonly number[] {
  const years = Array.from({ length: lastYear - from + 1 }, (_, index) => from + index);
  return years.filter((year) => isLeapYear(year) === (kind === 'leap'));
}
