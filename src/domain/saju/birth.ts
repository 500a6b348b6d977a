import { epochDayOfLunar, epochDayOfSolar, isRealLunarDate, isRealSolarDate } from './lunar.js';

/** Which clock day and hour follow; the service's default is `wall`. */
export const clocks = ['wall', 'std135', 'lmt', 'true'] as const;
export type Clock = (typeof clocks)[number];

/** When the day changes: `split` 00:00 with the hour stem of the next day from 23:00, `23h` 23:00, `midnight` 00:00. */
export const dayBoundaries = ['split', '23h', 'midnight'] as const;
export type DayBoundary = (typeof dayBoundaries)[number];

/** How a chart was reckoned: the same birth has other pillars under another convention. */
export interface Convention {
  readonly clock: Clock;
  /** Degrees east of Greenwich; only `lmt` and `true` use it. */
  readonly longitude: number;
  readonly day_boundary: DayBoundary;
  /** Which of two times is meant when clocks went back. */
  readonly fold: 0 | 1;
}

/** The service's convention, which records without one of their own follow. */
export const defaultConvention: Convention = { clock: 'wall', longitude: 126.978, day_boundary: 'split', fold: 0 };

/** A birth by the clock on a wall in Seoul then, and the convention to reckon it by. */
export interface Birth extends Convention {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Null when unknown: then there is no hour pillar. */
  readonly hour: number | null;
  readonly minute: number;
  readonly is_solar: boolean;
  readonly is_leap_month: boolean;
}

/** A birth that cannot have been: the field of a request that says so, and one sentence. */
export interface Impossible {
  readonly kind: 'impossible';
  readonly field: string;
  readonly detail: string;
}

/** Days from 1970-01-01 to the Gregorian date of a birth whose parts can all be; else which cannot. */
export function birthDay(birth: Birth): number | Impossible {
  const wrong = outOfRange(birth) ?? (birth.is_solar ? wrongSolarDate(birth) : wrongLunarDate(birth));
  if (wrong !== undefined) return { kind: 'impossible', ...wrong };
  const { year, month, day } = birth;
  if (birth.is_solar) return epochDayOfSolar(year, month, day);
  const epochDay = epochDayOfLunar(year, month, day, birth.is_leap_month);
  return epochDay ?? { kind: 'impossible', field: 'birth_year', detail: outsideTable };
}

type Wrong = Omit<Impossible, 'kind'>;

const outsideTable =
  'birth_year is outside the lunar calendar of Korea as it is known here, 1899-12 to 2050-11; send the solar date.';

const ranges = [
  ['birth_year', 'year', 1, 9999],
  ['birth_month', 'month', 1, 12],
  ['birth_day', 'day', 1, 31],
  ['birth_hour', 'hour', 0, 23],
  ['birth_minute', 'minute', 0, 59],
  ['longitude', 'longitude', -180, 180],
] as const satisfies readonly (readonly [string, keyof Birth, number, number])[];

function outOfRange(birth: Birth): Wrong | undefined {
  for (const [field, part, min, max] of ranges) {
    const value = birth[part];
    if (value === null || (value >= min && value <= max)) continue;
    return { field, detail: `${field} is not ${min} to ${max}.` };
  }
  return undefined;
}

function wrongSolarDate({ year, month, day }: Birth): Wrong | undefined {
  if (isRealSolarDate(year, month, day)) return undefined;
  return { field: 'birth_day', detail: 'birth_day is beyond the end of its solar month.' };
}

function wrongLunarDate({ year, month, day, is_leap_month }: Birth): Wrong | undefined {
  if (day <= 30 && isRealLunarDate(year, month, day, is_leap_month)) return undefined;
  if (is_leap_month && !isRealLunarDate(year, month, 1, true))
    return { field: 'is_leap_month', detail: 'is_leap_month names a leap month that the lunar year does not have.' };
  return { field: 'birth_day', detail: 'birth_day is beyond the end of its lunar month.' };
}
