import { apparentSolarLongitude, getSolarTerm } from 'manseryeok';
import { jeolCorrectionCodes, jeolCorrectionYears } from './jeol-corrections.js';
import { yearAndMonthPillar } from './sexagenary.js';

/**
 * The twelve 절, at which months (and with 입춘 years) of a chart change. Instants are seconds UTC. The library knows
 * them to the minute; from 1900 to 2052 a table corrects them to the second.
 */
export interface Jeol {
  readonly instant: number;
  /** The whole minute at which the library lets the term begin. */
  readonly libraryInstant: number;
}

/** The years for which the library makes charts. */
export const libraryYears = { first: 1800, last: 2300 } as const;

/** After it ephemerides differ, since the future rotation of the Earth is unknown. */
export const lastMeasuredYear = jeolCorrectionYears.last;

const corrections = readCorrections();

/** The 절 nearest to an instant within the library's years: each falls into the first days of a calendar month. */
export function jeolNear(instant: number): Jeol {
  const date = new Date(instant * 1000);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const libraryInstant = getSolarTerm(year, month * 2).date.getTime() / 1000;
  return {
    instant: libraryInstant + (corrections[(year - jeolCorrectionYears.first) * 12 + month] ?? 0),
    libraryInstant,
  };
}

/**
 * Year and month pillar at an instant outside the library's years, from the longitude of the sun alone: hours off near
 * a term in early and late centuries, days at the ends of the calendar.
 */
export function estimatedYearAndMonth(instant: number): { readonly year: string; readonly month: string } {
  const date = new Date(instant * 1000);
  const longitude = apparentSolarLongitude(instant * 1000);
  const month = Math.floor(((longitude - longitudeOfIpchun + 360) % 360) / 30);
  const beforeIpchun = month >= 10 && date.getUTCMonth() < 6;
  const year = date.getUTCFullYear() - (beforeIpchun ? 1 : 0);
  return yearAndMonthPillar(year, month);
}

const longitudeOfIpchun = 315;

function readCorrections(): readonly number[] {
  return (jeolCorrectionCodes.match(/../g) ?? []).map((code) => Number.parseInt(code, 36) - 36);
}
