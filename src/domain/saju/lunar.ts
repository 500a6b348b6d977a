import { firstLunarMonth, lunarMonthCodes } from './lunar-months.js';

/** Calendar rules of the reject reason `date_invalid`: which dates there can be. */

interface LunarMonth {
  readonly days: number;
  /** Days from 1970-01-01 to the month's first day. */
  readonly firstEpochDay: number;
}

const lunarMonths = readTable();
const firstTableYear = 1900;
const lastTableYear = 2050;

/** Whether the Gregorian calendar, extended to year 1, has the date. Years 1 to 9999. */
export function isRealSolarDate(year: number, month: number, day: number): boolean {
  if (!isYear(year) || month < 1 || month > 12 || day < 1) return false;
  return day <= (month === 2 && isLeapYear(year) ? 29 : (monthDays[month - 1] ?? 0));
}

/**
 * Whether Korea's lunar calendar has the date. Months of 1900 to 2050 are those of KASI; outside them any month of
 * thirty days passes, leap or not, since no table says otherwise.
 */
export function isRealLunarDate(year: number, month: number, day: number, leap: boolean): boolean {
  if (!isYear(year) || month < 1 || month > 12 || day < 1 || day > 30) return false;
  const known = lunarMonths.get(monthKey(year, month, leap));
  if (known !== undefined) return day <= known.days;
  return isOutsideTable(year, month);
}

/** Days from 1970-01-01 to a lunar date that the table has; undefined for any other. */
export function epochDayOfLunar(year: number, month: number, day: number, leap: boolean): number | undefined {
  const known = lunarMonths.get(monthKey(year, month, leap));
  return known === undefined ? undefined : known.firstEpochDay + day - 1;
}

/** Days from 1970-01-01 to a Gregorian date, years 1 to 9999. Rule: Howard Hinnant, days_from_civil. */
export function epochDayOfSolar(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

const monthDays: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isYear(year: number): boolean {
  return year >= 1 && year <= 9999;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** The table starts within lunar 1899 and ends within lunar 2050, whose last month begins in 2051. */
function isOutsideTable(year: number, month: number): boolean {
  return year < firstTableYear || year > lastTableYear || (year === lastTableYear && month === 12);
}

function monthKey(year: number, month: number, leap: boolean): number {
  return year * 32 + month * 2 + (leap ? 1 : 0);
}

function readTable(): ReadonlyMap<number, LunarMonth> {
  const months = new Map<number, LunarMonth>();
  let { year, month, epochDay }: { year: number; month: number; epochDay: number } = firstLunarMonth;
  for (const [place, code] of [...lunarMonthCodes].entries()) {
    const leap = code === 'S' || code === 'L';
    if (place > 0 && !leap) {
      month = month === 12 ? 1 : month + 1;
      if (month === 1) year++;
    }
    const days = code === 'l' || code === 'L' ? 30 : 29;
    months.set(monthKey(year, month, leap), { days, firstEpochDay: epochDay });
    epochDay += days;
  }
  return months;
}
