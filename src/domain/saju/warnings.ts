import type { DayBoundary } from './birth.js';
import { firstStandardInstant, type WallTime } from './seoul-time.js';
import { jeolNear, lastMeasuredYear, libraryYears } from './solar-terms.js';

/** Why a chart might be another's: what is ambiguous is answered by the convention, and said. */
export const chartWarnings = [
  /** Within two minutes of a 절: year or month pillar may be the neighbour's. */
  'near_term',
  /** Within two minutes of an odd hour on the clock followed: the hour pillar may be the neighbour's. */
  'near_hour_edge',
  /** Within two minutes of the midnight that changes the day. */
  'near_day_edge',
  /** Clocks went back: the time was shown twice, and `fold` says which is meant. */
  'wall_time_repeated',
  /** Clocks went forward: the time was never shown. */
  'wall_time_skipped',
  /** Before 1908-04-01 there was no standard time: local mean time of Seoul, +8:27:52. */
  'before_standard_time',
  /** The hour is unknown and the day holds a 절: noon decides. */
  'term_on_day_of_unknown_hour',
  /** After 2052 sources differ about the instants of terms by up to a minute. */
  'terms_predicted',
  /** Outside 1800 to 2300 terms are estimated: hours off, days at the ends of the calendar. */
  'terms_estimated',
] as const;
export type ChartWarning = (typeof chartWarnings)[number];

/** What is known of a birth when its warnings are computed; clock and instant in seconds. */
export interface Moment {
  readonly wall: WallTime;
  /** What the clock followed showed; null when the hour is unknown. */
  readonly clock: number | null;
  readonly dayBoundary: DayBoundary;
  /** The Gregorian year of the instant, in UTC+9. */
  readonly year: number;
}

export function warningsOf(moment: Moment): readonly ChartWarning[] {
  const found: ChartWarning[] = [];
  const { instant, shown } = moment.wall;
  const terms = moment.year >= libraryYears.first && moment.year <= libraryYears.last;
  if (terms) {
    const distance = Math.abs(instant - jeolNear(instant).instant);
    if (moment.clock === null && distance <= halfDay) found.push('term_on_day_of_unknown_hour');
    if (moment.clock !== null && distance <= nearSeconds) found.push('near_term');
  }
  if (moment.clock !== null) {
    if (distanceToMultiple(moment.clock - 3600, 7200) <= nearSeconds) found.push('near_hour_edge');
    if (moment.dayBoundary !== '23h' && distanceToMultiple(moment.clock, 86_400) <= nearSeconds)
      found.push('near_day_edge');
    if (shown === 'repeated') found.push('wall_time_repeated');
    if (shown === 'skipped') found.push('wall_time_skipped');
  }
  if (instant < firstStandardInstant) found.push('before_standard_time');
  if (!terms) found.push('terms_estimated');
  else if (moment.year > lastMeasuredYear) found.push('terms_predicted');
  return found;
}

const nearSeconds = 120;
const halfDay = 43_200;

function distanceToMultiple(value: number, of: number): number {
  const over = ((value % of) + of) % of;
  return Math.min(over, of - over);
}
