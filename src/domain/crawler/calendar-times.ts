import type { CronCalendar } from './cron/cron-calendars.js';

/** The zone in which schedules of jobs are read, whatever TZ says. */
export const scheduleZone = 'Asia/Seoul';

/** What Seoul's clock is ahead of UTC; it keeps no summer time. */
const seoulAheadMillis = 9 * 3_600_000;
const dayMillis = 86_400_000;
/** A schedule names a day within eight years, or is refused. */
const daysAhead = 8 * 366;

/** The first instant after this one that any of the calendars names; undefined where there is none within eight years. */
export function nextTime(calendars: readonly CronCalendar[], after: Date): Date | undefined {
  const local = after.getTime() + seoulAheadMillis;
  const firstDay = Math.floor(local / dayMillis) * dayMillis;
  for (let day = firstDay; day <= firstDay + daysAhead * dayMillis; day += dayMillis) {
    const times = calendars.flatMap((calendar) => firstOnDay(calendar, day, local) ?? []);
    if (times.length > 0) return new Date(Math.min(...times) - seoulAheadMillis);
  }
  return undefined;
}

/** Whether any of the calendars names this second. */
export function namesTime(calendars: readonly CronCalendar[], at: Date): boolean {
  const second = Math.floor(at.getTime() / 1000) * 1000;
  return nextTime(calendars, new Date(second - 1))?.getTime() === second;
}

/** The day of an instant in Seoul. */
export function seoulDay(at: Date): { readonly year: number; readonly month: number; readonly day: number } {
  const local = new Date(at.getTime() + seoulAheadMillis);
  return { year: local.getUTCFullYear(), month: local.getUTCMonth() + 1, day: local.getUTCDate() };
}

/** How often the calendars can fire in a time of whole hours, at most. */
export function maxTimesWithin(calendars: readonly CronCalendar[], hours: number): number {
  return calendars.reduce(
    (sum, { second, minute, hour }) => sum + second.length * minute.length * Math.min(hour.length, hours + 1),
    0,
  );
}

function firstOnDay(calendar: CronCalendar, day: number, after: number): number | undefined {
  if (!namesDay(calendar, new Date(day))) return undefined;
  for (const hour of calendar.hour) {
    if (day + (hour + 1) * 3_600_000 <= after) continue;
    for (const minute of calendar.minute)
      for (const second of calendar.second) {
        const time = day + ((hour * 60 + minute) * 60 + second) * 1000;
        if (time > after) return time;
      }
  }
  return undefined;
}

function namesDay({ day_of_month, month, day_of_week, year }: CronCalendar, date: Date): boolean {
  return (
    (day_of_month?.includes(date.getUTCDate()) ?? true) &&
    (month?.includes(date.getUTCMonth() + 1) ?? true) &&
    (day_of_week?.includes(date.getUTCDay()) ?? true) &&
    (year?.includes(date.getUTCFullYear()) ?? true)
  );
}
