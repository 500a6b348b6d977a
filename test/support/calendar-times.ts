import type { CronCalendar } from '../../src/domain/crawler/cron/cron-calendars.js';

/** What Seoul's clock is ahead of UTC; it keeps no summer time. */
export const seoulAheadMillis = 9 * 3_600_000;

/** The first `count` instants after `after` that any of the calendars names in Seoul, up to `until`, as Temporal reads them. */
export function calendarTimes(
  calendars: readonly CronCalendar[],
  { after, until, count }: { readonly after: number; readonly until: number; readonly count: number },
): readonly number[] {
  const times: number[] = [];
  const dayMillis = 86_400_000;
  const firstDay = Math.floor((after + seoulAheadMillis) / dayMillis) * dayMillis;
  for (let day = firstDay; day - seoulAheadMillis <= until && times.length < count; day += dayMillis) {
    const onDay = new Set<number>();
    for (const calendar of calendars.filter((one) => namesDay(one, new Date(day))))
      for (const hour of calendar.hour)
        for (const minute of calendar.minute)
          for (const second of calendar.second)
            onDay.add(day + ((hour * 60 + minute) * 60 + second) * 1000 - seoulAheadMillis);
    times.push(...[...onDay].filter((time) => time > after && time <= until).sort((one, other) => one - other));
  }
  return times.slice(0, count);
}

function namesDay({ day_of_month, month, day_of_week, year }: CronCalendar, date: Date): boolean {
  return (
    (day_of_month?.includes(date.getUTCDate()) ?? true) &&
    (month?.includes(date.getUTCMonth() + 1) ?? true) &&
    (day_of_week?.includes(date.getUTCDay()) ?? true) &&
    (year?.includes(date.getUTCFullYear()) ?? true)
  );
}
