import { isRealLunarDate, isRealSolarDate } from './lunar.js';
import { pillarsFitDate } from './pillar-fit.js';
import { isPillar } from './sexagenary.js';

/**
 * How a legacy saju record becomes a chart of the saju cube, and when it cannot.
 * Values are what the database holds: texts decoded, `convention` as its JSON text, timestamps as PostgreSQL writes
 * them in UTC with ISO dates. Nothing is trimmed, normalised or rounded.
 * `Carried` is the type of what no rule inspects, `Moment` for timestamps, of which rules know the range alone: the texts
 * themselves, or whatever a caller keeps in their place.
 */
export interface LegacySajuRecord<Carried = string, Moment = string> {
  readonly id: Carried;
  readonly user_id: string | null;
  readonly birth_year: number | null;
  readonly birth_month: number | null;
  readonly birth_day: number | null;
  readonly birth_hour: number | null;
  readonly birth_minute: number | null;
  readonly is_solar: boolean | null;
  readonly is_leap_month: boolean | null;
  readonly year_pillar: string | null;
  readonly month_pillar: string | null;
  readonly day_pillar: string | null;
  readonly hour_pillar: string | null;
  readonly convention: Carried | null;
  readonly interpretation: Carried | null;
  readonly created_at: Moment | null;
  readonly updated_at: Moment | null;
}

export interface BirthInfo {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number | null;
  readonly minute: number;
  readonly solar_calendar: boolean;
  readonly leap_month: boolean;
}

export interface SajuPillars {
  readonly year_pillar: string;
  readonly month_pillar: string;
  readonly day_pillar: string;
  readonly hour_pillar: string | null;
}

export interface SajuChartRow<Carried = string, Moment = string> {
  readonly id: Carried;
  readonly user_id: string;
  readonly birth_info: BirthInfo;
  readonly saju_chart: SajuPillars;
  readonly convention: Carried | null;
  readonly interpretation: Carried | null;
  readonly created_at: Moment;
  readonly updated_at: Moment | null;
}

export const sajuRejectReasons = [
  'user_id_empty',
  'calendar_missing',
  'date_invalid',
  'hour_invalid',
  'pillar_invalid',
  'timestamp_invalid',
] as const;
export type SajuRejectReason = (typeof sajuRejectReasons)[number];

/** What is carried and still deserves attention. */
export type SajuWarning = 'pillars_do_not_fit';

export type ConvertedRecord<Carried = string, Moment = string> =
  | { readonly kind: 'chart'; readonly chart: SajuChartRow<Carried, Moment>; readonly warnings: readonly SajuWarning[] }
  | { readonly kind: 'reject'; readonly reason: SajuRejectReason; readonly detail: string };

/**
 * The chart of a legacy record, or the first reason, in the order of the contract's table, why there is none.
 * Never throws. A null minute is 0 and a null leap flag is false, as legacy itself reads them; a null hour stays unknown.
 * `detail` names fields, never values.
 */
export function transformSajuRecord(record: LegacySajuRecord): ConvertedRecord {
  return findRejectReason(record, isWithinYears1To9999);
}

/** `transformSajuRecord` for timestamps of another form; `isWithin` says whether one lies within the years 1 to 9999. */
export function findRejectReason<Carried, Moment>(
  record: LegacySajuRecord<Carried, Moment>,
  isWithin: (moment: Moment) => boolean,
): ConvertedRecord<Carried, Moment> {
  if (record.user_id === null || isBlank(record.user_id))
    return reject('user_id_empty', 'user_id is empty or only white space');
  if (record.is_solar === null) return reject('calendar_missing', 'is_solar is null');

  const { birth_year, birth_month, birth_day } = record;
  if (birth_year === null || birth_month === null || birth_day === null) {
    return reject('date_invalid', 'birth_year, birth_month or birth_day is null');
  }
  const leap = record.is_leap_month ?? false;
  const real = record.is_solar
    ? isRealSolarDate(birth_year, birth_month, birth_day)
    : isRealLunarDate(birth_year, birth_month, birth_day, leap);
  if (!real) return reject('date_invalid', `no such ${record.is_solar ? 'solar' : 'lunar'} date`);

  if (!isNullOrWithin(record.birth_hour, 23)) return reject('hour_invalid', 'birth_hour is not 0 to 23');
  if (!isNullOrWithin(record.birth_minute, 59)) return reject('hour_invalid', 'birth_minute is not 0 to 59');

  const { year_pillar, month_pillar, day_pillar, hour_pillar } = record;
  if (!isPillar(year_pillar)) return reject('pillar_invalid', 'year_pillar is not one of the sixty');
  if (!isPillar(month_pillar)) return reject('pillar_invalid', 'month_pillar is not one of the sixty');
  if (!isPillar(day_pillar)) return reject('pillar_invalid', 'day_pillar is not one of the sixty');
  if (hour_pillar !== null && !isPillar(hour_pillar)) {
    return reject('pillar_invalid', 'hour_pillar is neither null nor one of the sixty');
  }
  if (hour_pillar !== null && record.birth_hour === null) {
    return reject('pillar_invalid', 'hour_pillar is present without birth_hour');
  }

  if (record.created_at === null) return reject('timestamp_invalid', 'created_at is null');
  if (!isWithin(record.created_at)) return reject('timestamp_invalid', 'created_at is out of range');
  if (record.updated_at !== null && !isWithin(record.updated_at)) {
    return reject('timestamp_invalid', 'updated_at is out of range');
  }

  return {
    kind: 'chart',
    warnings: pillarsFitDate(record) ? noWarnings : pillarsDoNotFit,
    chart: {
      id: record.id,
      user_id: record.user_id,
      birth_info: {
        year: birth_year,
        month: birth_month,
        day: birth_day,
        hour: record.birth_hour,
        minute: record.birth_minute ?? 0,
        solar_calendar: record.is_solar,
        leap_month: leap,
      },
      saju_chart: { year_pillar, month_pillar, day_pillar, hour_pillar },
      convention: record.convention,
      interpretation: record.interpretation,
      created_at: record.created_at,
      updated_at: record.updated_at,
    },
  };
}

/** The legacy record a chart came from, as legacy reads it: the way back of `transformSajuRecord`. */
export function restoreSajuRecord(chart: SajuChartRow): LegacySajuRecord {
  return {
    id: chart.id,
    user_id: chart.user_id,
    birth_year: chart.birth_info.year,
    birth_month: chart.birth_info.month,
    birth_day: chart.birth_info.day,
    birth_hour: chart.birth_info.hour,
    birth_minute: chart.birth_info.minute,
    is_solar: chart.birth_info.solar_calendar,
    is_leap_month: chart.birth_info.leap_month,
    ...chart.saju_chart,
    convention: chart.convention,
    interpretation: chart.interpretation,
    created_at: chart.created_at,
    updated_at: chart.updated_at,
  };
}

const noWarnings: readonly SajuWarning[] = [];
const pillarsDoNotFit: readonly SajuWarning[] = ['pillars_do_not_fit'];

function reject(reason: SajuRejectReason, detail: string): ConvertedRecord<never, never> {
  return { kind: 'reject', reason, detail };
}

/** Unicode's White_Space property, not \s: that misses U+0085 and takes in U+FEFF. */
const onlyWhiteSpace = /^\p{White_Space}*$/u;

/** Whether a text is empty or white space alone. */
export function isBlank(text: string): boolean {
  return onlyWhiteSpace.test(text);
}

function isNullOrWithin(value: number | null, max: number): boolean {
  return value === null || (value >= 0 && value <= max);
}

/** PostgreSQL writes years past 9999 with more digits, years before 1 with BC, and infinities as words. */
function isWithinYears1To9999(timestamp: string): boolean {
  return /^\d{4}-\d\d-\d\d /.test(timestamp) && !timestamp.endsWith('BC');
}
