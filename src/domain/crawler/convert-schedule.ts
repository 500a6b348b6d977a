import { scheduleZone, seoulDay } from './calendar-times.js';
import { assertEverMatches, type CronCalendar, calendarsOf } from './cron/cron-calendars.js';
import { readCron } from './cron/read-cron.js';

/** The calendars of a cron expression from a moment on. Throws `UnreadableCron`. */
export function convertSchedule(expression: string, now: Date): readonly CronCalendar[] {
  const schedule = readCron(expression);
  const today = seoulDay(now);
  assertEverMatches(schedule, today);
  return calendarsOf(schedule, today);
}

const months = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
const weekdays = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

/** The calendars as Temporal's client reads them. */
export function temporalSpec(calendars: readonly CronCalendar[]) {
  return {
    calendars: calendars.map(({ second, minute, hour, day_of_month, month, day_of_week, year }) => ({
      second: [...second],
      minute: [...minute],
      hour: [...hour],
      ...(day_of_month === undefined ? {} : { dayOfMonth: [...day_of_month] }),
      ...(month === undefined ? {} : { month: named(months, month, 1) }),
      ...(day_of_week === undefined ? {} : { dayOfWeek: named(weekdays, day_of_week, 0) }),
      ...(year === undefined ? {} : { year: [...year] }),
    })),
    timezone: scheduleZone,
    jitter: 0,
  };
}

function named<Name extends string>(names: readonly Name[], values: readonly number[], first: number): Name[] {
  return values.flatMap((value) => names[value - first] ?? []);
}
