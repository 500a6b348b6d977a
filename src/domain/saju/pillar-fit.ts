import { epochDayOfLunar, epochDayOfSolar } from './lunar.js';
import { placeOfPillar } from './sexagenary.js';

/** A birth and its pillars, as far as their fit is checked. */
export interface BirthAndPillars {
  readonly birth_year: number | null;
  readonly birth_month: number | null;
  readonly birth_day: number | null;
  readonly birth_hour: number | null;
  readonly is_solar: boolean | null;
  readonly is_leap_month: boolean | null;
  readonly year_pillar: string | null;
  readonly day_pillar: string | null;
}

/**
 * Whether year and day pillar can belong to the birth date under some convention. The day pillar is the date's, or its
 * neighbour's where a convention moves the day: the next one's from 23:00 on, the one before within the first hour.
 * The year pillar is the solar year's, or the one before until the latest 입춘.
 * Rule: 2000-01-01 is 무오 (place 54) and 1984 is 갑자; a lunar date outside the KASI table cannot be judged and fits.
 */
export function pillarsFitDate(birth: BirthAndPillars): boolean {
  const { birth_year, birth_month, birth_day, birth_hour } = birth;
  if (birth_year === null || birth_month === null || birth_day === null) return true;
  const day = birth.is_solar
    ? epochDayOfSolar(birth_year, birth_month, birth_day)
    : epochDayOfLunar(birth_year, birth_month, birth_day, birth.is_leap_month ?? false);
  if (day === undefined) return true;
  return dayFits(day, birth_hour, birth.day_pillar) && yearFits(day, birth.year_pillar);
}

const epochDayOf2000 = 10_957;
const dayPlaceOf2000 = 54;

function dayFits(epochDay: number, hour: number | null, pillar: string | null): boolean {
  const place = pillar === null ? undefined : placeOfPillar(pillar);
  if (place === undefined) return true;
  const expected = modulo(epochDay - epochDayOf2000 + dayPlaceOf2000, 60);
  const ahead = modulo(place - expected, 60);
  return ahead === 0 || (ahead === 1 && hour === 23) || (ahead === 59 && hour === 0);
}

function yearFits(epochDay: number, pillar: string | null): boolean {
  const place = pillar === null ? undefined : placeOfPillar(pillar);
  if (place === undefined) return true;
  const solar = new Date(epochDay * 86_400_000);
  const year = solar.getUTCFullYear();
  const expected = modulo(year - 1984, 60);
  const behind = modulo(expected - place, 60);
  const dayOfYear = epochDay - epochDayOfSolar(year, 1, 1);
  if (dayOfYear < earliestIpchun) return behind === 1;
  return behind === 0 || (behind === 1 && dayOfYear <= latestIpchun);
}

/** 입춘 falls on 3 to 5 February in the centuries around ours; a week to both sides for the years farther off. */
const earliestIpchun = 26;
const latestIpchun = 42;

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
