import { JulianDay, type LunarHour, type SixtyCycle, type SolarTerm, SolarTime } from 'tyme4ts';
import { equationOfTime, instantInSeoul, type Seconds } from './korean-clock.js';

/** A birth whose solar date is known to be real, by the names of the monolith's table. */
export interface Birth {
  /** Days from 1970-01-01 to its Gregorian date. */
  readonly epochDay: number;
  readonly birth_hour: number | null;
  readonly birth_minute: number;
  readonly clock: 'wall' | 'std135' | 'lmt' | 'true';
  readonly longitude: number;
  readonly day_boundary: 'split' | '23h' | 'midnight';
  readonly fold: number;
}

export interface Chart {
  readonly year_pillar: string;
  readonly month_pillar: string;
  readonly day_pillar: string;
  readonly hour_pillar: string | null;
  readonly warnings: readonly string[];
}

/** A chart by tyme4ts, which reckons in the time of Beijing: it gets UTC+8 for the terms and the clock for the rest. */
export function chartOf(birth: Birth): Chart {
  const { birth_hour, day_boundary } = birth;
  const seconds = birth_hour === null ? 43_200 : birth_hour * 3600 + birth.birth_minute * 60;
  const wall = birth.epochDay * 86_400 + seconds;
  const meant = instantInSeoul(wall, birth.fold);
  const clock = clockOf(birth, wall, meant.instant);
  const terms = timeOf(onKnownYear(meant.instant) + utc8).getSixtyCycleHour();
  const { day, hour } = dayAndHour(timeOf(onKnownDay(clock)).getLunarHour(), day_boundary);
  return {
    year_pillar: hangul(terms.getYear()),
    month_pillar: hangul(terms.getMonth()),
    day_pillar: hangul(day),
    hour_pillar: birth_hour === null ? null : hangul(hour),
    warnings: warningsOf(birth, meant, clock),
  };
}

const utc8 = 8 * 3600;

function clockOf({ clock, longitude }: Birth, wall: Seconds, instant: Seconds): Seconds {
  if (clock === 'wall') return wall;
  if (clock === 'std135') return instant + 9 * 3600;
  return instant + longitude * 240 + (clock === 'true' ? equationOfTime(instant) : 0);
}

/** The library's calendar is Julian until 1582; before 1600 it gets a Julian day, half a second late so that it does not round down. */
function timeOf(clock: Seconds): SolarTime {
  const date = new Date(clock * 1000);
  if (date.getUTCFullYear() < 1600) {
    return JulianDay.fromJulianDay((clock + 0.5) / 86_400 + epochJulianDay).getSolarTime();
  }
  return SolarTime.fromYmdHms(
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  );
}

/** The library has no year 0, whose terms it needs in year 1: sixty turns of the sun later the pillars are the same. */
function onKnownYear(instant: Seconds): Seconds {
  return new Date(instant * 1000).getUTCFullYear() < 2 ? instant + 60 * 365.2422 * 86_400 : instant;
}

/** A clock may show a day of year 0 or 10000; every sixty days day and hour come round. 2000-01-24 is the 183rd time. */
function onKnownDay(clock: Seconds): Seconds {
  const year = new Date(clock * 1000).getUTCFullYear();
  const round = 60 * 86_400;
  return year >= 1600 && year <= 9998 ? clock : 183 * round + (((clock % round) + round) % round);
}

const epochJulianDay = 2_440_587.5;

/** The library gives 23시 the stem of the next day. */
function dayAndHour(time: LunarHour, boundary: Birth['day_boundary']): { day: SixtyCycle; hour: SixtyCycle } {
  const day = time.getLunarDay().getSixtyCycle();
  const hour = time.getSixtyCycle();
  if (time.getHour() < 23 || boundary === 'split') return { day, hour };
  if (boundary === '23h') return { day: day.next(1), hour };
  return { day, hour: hour.next(-12) };
}

const stems = [...'갑을병정무기경신임계'];
const branches = [...'자축인묘진사오미신유술해'];

function hangul(pillar: SixtyCycle): string {
  return `${stems[pillar.getHeavenStem().getIndex()]}${branches[pillar.getEarthBranch().getIndex()]}`;
}

function warningsOf(birth: Birth, meant: ReturnType<typeof instantInSeoul>, clock: Seconds): readonly string[] {
  const known = birth.birth_hour !== null;
  const year = new Date((meant.instant + 9 * 3600) * 1000).getUTCFullYear();
  const charted = year >= 1800 && year <= 2300;
  const distance = charted ? distanceToTerm(meant.instant) : Number.POSITIVE_INFINITY;
  const conditions: readonly (readonly [string, boolean])[] = [
    ['term_on_day_of_unknown_hour', !known && distance <= 43_200],
    ['near_term', known && distance <= 120],
    ['near_hour_edge', known && distanceToMultiple(clock - 3600, 7200) <= 120],
    ['near_day_edge', known && birth.day_boundary !== '23h' && distanceToMultiple(clock, 86_400) <= 120],
    ['wall_time_repeated', known && meant.shown === 'repeated'],
    ['wall_time_skipped', known && meant.shown === 'skipped'],
    ['before_standard_time', meant.instant < Date.UTC(1908, 2, 31, 15, 32, 8) / 1000],
    ['terms_estimated', !charted],
    ['terms_predicted', charted && year > 2052],
  ];
  return conditions.filter(([, holds]) => holds).map(([name]) => name);
}

/** Seconds to the nearest of the twelve terms that begin months. */
function distanceToTerm(instant: Seconds): number {
  const term = timeOf(instant + utc8).getTerm();
  const month = term.isJie() ? term : term.next(-1);
  return Math.min(...[month, month.next(2)].map((begin) => Math.abs(instant - instantOf(begin))));
}

function instantOf(term: SolarTerm): Seconds {
  return (term.getJulianDay().getDay() - epochJulianDay) * 86_400 - utc8;
}

function distanceToMultiple(value: number, of: number): number {
  const over = ((value % of) + of) % of;
  return Math.min(over, of - over);
}
