import { calculateFourPillars, equationOfTimeMinutes } from 'manseryeok';
import { type Birth, birthDay, type Convention, type DayBoundary, type Impossible } from './birth.js';
import type { SajuPillars } from './convert-record.js';
import { instantOfWall } from './seoul-time.js';
import { estimatedYearAndMonth, jeolNear, libraryYears } from './solar-terms.js';
import { type ChartWarning, warningsOf } from './warnings.js';

export interface Chart {
  readonly kind: 'chart';
  readonly pillars: SajuPillars;
  readonly convention: Convention;
  readonly warnings: readonly ChartWarning[];
}

/**
 * The four pillars of a birth. Year and month follow the instant, whatever the clock; day and hour follow the clock of
 * the convention. The library gets clock times of UTC+9 and nothing else: its own reading of Korean time knows
 * neither `fold` nor the years before 1908. One call serves both pairs when both get the same minute.
 * An unknown hour is reckoned at noon and has no hour pillar. Never throws.
 */
export function calculateChart(birth: Birth): Chart | Impossible {
  const epochDay = birthDay(birth);
  if (typeof epochDay !== 'number') return epochDay;
  const timeOfDay = birth.hour === null ? 43_200 : birth.hour * 3600 + birth.minute * 60;
  const shown = epochDay * 86_400 + timeOfDay;
  const wall = instantOfWall(shown, birth.fold);
  const clock = clockAt(birth, shown, wall.instant);
  const { year, month, day, hour } = pillarsAt(wall.instant, clock, birth.day_boundary);
  return {
    kind: 'chart',
    pillars: {
      year_pillar: year,
      month_pillar: month,
      day_pillar: day,
      hour_pillar: birth.hour === null ? null : hour,
    },
    convention: {
      clock: birth.clock,
      longitude: birth.longitude,
      day_boundary: birth.day_boundary,
      fold: birth.fold,
    },
    warnings: warningsOf({
      wall,
      clock: birth.hour === null ? null : clock,
      dayBoundary: birth.day_boundary,
      year: yearOf(wall.instant + utc9),
    }),
  };
}

const utc9 = 9 * 3600;
/** The sun moves on by a degree in four minutes. */
const secondsPerDegree = 240;

/** What the clock of a convention showed, in seconds since 1970-01-01 00:00 of that clock. */
function clockAt(convention: Convention, shown: number, instant: number): number {
  switch (convention.clock) {
    case 'wall':
      return shown;
    case 'std135':
      return instant + utc9;
    case 'lmt':
      return instant + convention.longitude * secondsPerDegree;
    case 'true':
      return instant + convention.longitude * secondsPerDegree + equationOfTimeMinutes(instant * 1000) * 60;
  }
}

interface Pillars {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
}

function pillarsAt(instant: number, clock: number, boundary: DayBoundary): Pillars {
  if (!isLibraryYear(instant + utc9)) {
    return { ...estimatedYearAndMonth(instant), ...dayAndHour(clock, boundary) };
  }
  const standard = toMinute(nearTermBoundary(instant) + utc9);
  if (standard === toMinute(clock)) return libraryPillars(standard, boundary);
  const { year, month } = libraryPillars(standard, boundary);
  return { year, month, ...dayAndHour(clock, boundary) };
}

function dayAndHour(clock: number, boundary: DayBoundary): Pick<Pillars, 'day' | 'hour'> {
  const { day, hour } = libraryPillars(isLibraryYear(clock) ? clock : onKnownDay(clock), boundary);
  return { day, hour };
}

/** The same instant, but put on the side of a nearby term on which it truly is: the library knows terms to a minute. */
function nearTermBoundary(instant: number): number {
  const term = jeolNear(instant);
  if (Math.abs(instant - term.instant) > 120) return instant;
  return instant >= term.instant ? Math.max(instant, term.libraryInstant) : Math.min(instant, term.libraryInstant - 60);
}

/** The same time of a day with the same pillar: they go round by sixty days. 2000-01-24 is the 183rd time. */
function onKnownDay(clock: number): number {
  const round = 60 * 86_400;
  return 183 * round + (((clock % round) + round) % round);
}

const boundaryNames = { split: 'splitJasi', '23h': 'jasi', midnight: 'midnight' } as const;

function libraryPillars(clock: number, boundary: DayBoundary): Pillars {
  const date = new Date(clock * 1000);
  const found = calculateFourPillars({
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    dayBoundary: boundaryNames[boundary],
  });
  return { year: found.yearString, month: found.monthString, day: found.dayString, hour: found.hourString };
}

function toMinute(seconds: number): number {
  return Math.floor(seconds / 60) * 60;
}

function isLibraryYear(clock: number): boolean {
  const year = yearOf(clock);
  return year >= libraryYears.first && year <= libraryYears.last;
}

function yearOf(clock: number): number {
  return new Date(clock * 1000).getUTCFullYear();
}
