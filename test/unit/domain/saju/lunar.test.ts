import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import calendarModule from 'korean-lunar-calendar';
import { describe, expect, test } from 'vitest';
import {
  epochDayOfLunar,
  epochDayOfSolar,
  isRealLunarDate,
  isRealSolarDate,
} from '../../../../src/domain/saju/lunar.js';

const KoreanLunarCalendar = 'default' in calendarModule ? calendarModule.default : calendarModule;

describe('solar dates', () => {
  test('agree with the JavaScript calendar on every day of two centuries', () => {
    for (let day = Date.UTC(1850, 0, 1); day < Date.UTC(2050, 0, 1); day += 86_400_000) {
      const date = new Date(day);
      const parts = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()] as const;
      if (!isRealSolarDate(...parts) || epochDayOfSolar(...parts) !== day / 86_400_000)
        throw new Error(parts.join('-'));
    }
  });

  test.each([
    [0, 1, 1],
    [10_000, 1, 1],
    [1990, 0, 1],
    [1990, 13, 1],
    [1990, 1, 0],
    [1990, 1, 32],
    [1990, 4, 31],
    [1900, 2, 29],
    [2023, 2, 29],
    [2000, 2, 30],
  ])('%i-%i-%i does not exist', (year, month, day) => {
    expect(isRealSolarDate(year, month, day)).toBe(false);
  });

  test.each([
    [1, 1, 1],
    [9999, 12, 31],
    [2000, 2, 29],
    [1582, 10, 10],
  ])('%i-%i-%i exists', (year, month, day) => {
    expect(isRealSolarDate(year, month, day)).toBe(true);
  });
});

describe('lunar dates', () => {
  test('agree with the Korean calendar library on every day from 1900 to 2050', () => {
    const calendar = new KoreanLunarCalendar();
    for (let day = Date.UTC(1900, 0, 31); day <= Date.UTC(2050, 11, 31); day += 86_400_000) {
      const date = new Date(day);
      calendar.setSolarDate(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate());
      const lunar = calendar.getLunarCalendar();
      const leap = lunar.intercalation ?? false;
      if (epochDayOfLunar(lunar.year, lunar.month, lunar.day, leap) !== day / 86_400_000)
        throw new Error(date.toISOString());
      if (!isRealLunarDate(lunar.year, lunar.month, lunar.day, leap)) throw new Error(date.toISOString());
    }
  });

  test('have the months of the KASI table, neither longer nor shorter', () => {
    const table = gunzipSync(readFileSync(new URL('../../../data/lunar-months-kasi.csv.gz', import.meta.url))).toString(
      'utf8',
    );
    const months = table
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(','));
    for (const [place, [first, year, month, leap]] of months.entries()) {
      const next = months[place + 1]?.[0];
      if (next === undefined || first === undefined) continue;
      const days = (Date.parse(next) - Date.parse(first)) / 86_400_000;
      const parts = [Number(year), Number(month)] as const;
      expect([
        first,
        isRealLunarDate(...parts, days, leap === '1'),
        isRealLunarDate(...parts, days + 1, leap === '1'),
      ]).toEqual([first, true, false]);
    }
  });

  test.each([
    [2012, 3, true, true],
    [2012, 4, true, false],
    [2017, 5, true, true],
    [2017, 6, true, false],
    [1990, 4, true, false],
  ])('leap month %i-%i', (year, month, leap, real) => {
    expect(isRealLunarDate(year, month, 1, leap)).toBe(real);
  });

  test('outside the table every month of thirty days passes and no other', () => {
    expect(isRealLunarDate(1850, 6, 30, true)).toBe(true);
    expect(isRealLunarDate(2070, 12, 30, false)).toBe(true);
    expect(isRealLunarDate(2050, 12, 30, false)).toBe(true);
    expect(isRealLunarDate(1850, 6, 31, false)).toBe(false);
    expect(isRealLunarDate(0, 6, 1, false)).toBe(false);
  });
});
