import { calculateFourPillars } from 'manseryeok';
import { describe, expect, test } from 'vitest';
import { type BirthAndPillars, pillarsFitDate } from '../../../../src/domain/saju/pillar-fit.js';
import { sixtyPillars } from '../../../../src/domain/saju/sexagenary.js';

/** 2000-01-01 is 무오, at place 54; its year is 기묘 until 입춘, then 경진. */
const birth: BirthAndPillars = {
  birth_year: 2000,
  birth_month: 1,
  birth_day: 1,
  birth_hour: 12,
  is_solar: true,
  is_leap_month: false,
  year_pillar: '기묘',
  day_pillar: '무오',
};
const dayPillar = (ahead: number) => sixtyPillars[(54 + ahead + 60) % 60] ?? '';
const fits = (changes: Partial<BirthAndPillars>) => pillarsFitDate({ ...birth, ...changes });

describe('the day pillar', () => {
  test('is the date’s own, at any hour', () => {
    for (let birth_hour = 0; birth_hour < 24; birth_hour++) expect(fits({ birth_hour })).toBe(true);
    expect(fits({ birth_hour: null })).toBe(true);
  });

  test('may be the next one’s from 23:00 on, and the one before within the first hour', () => {
    for (let birth_hour = 0; birth_hour < 24; birth_hour++) {
      expect(fits({ birth_hour, day_pillar: dayPillar(1) })).toBe(birth_hour === 23);
      expect(fits({ birth_hour, day_pillar: dayPillar(-1) })).toBe(birth_hour === 0);
    }
    expect(fits({ birth_hour: null, day_pillar: dayPillar(1) })).toBe(false);
  });

  test('is no other of the sixty', () => {
    for (let ahead = 2; ahead < 59; ahead++) {
      for (const birth_hour of [0, 12, 23]) expect(fits({ birth_hour, day_pillar: dayPillar(ahead) })).toBe(false);
    }
  });
});

describe('the year pillar', () => {
  const onDay = (birth_month: number, birth_day: number, year_pillar: string) => {
    const found = calculateFourPillars({ year: 2000, month: birth_month, day: birth_day, hour: 12, minute: 0 });
    return fits({ birth_month, birth_day, year_pillar, day_pillar: found.dayString });
  };

  test.each([
    [1, 1, true, false],
    [1, 26, true, false],
    [2, 4, true, true],
    [2, 12, true, true],
    [2, 13, false, true],
    [12, 31, false, true],
  ])('on 2000-%i-%i: of the year before %s, of the year itself %s', (month, day, before, own) => {
    expect([onDay(month, day, '기묘'), onDay(month, day, '경진')]).toEqual([before, own]);
    expect([onDay(month, day, '무인'), onDay(month, day, '신사'), onDay(month, day, '갑자')]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

test('pillars of the calendar library fit every date of two centuries, and not the day after', () => {
  for (let day = Date.UTC(1900, 0, 1); day < Date.UTC(2100, 0, 1); day += 11 * 86_400_000) {
    const date = new Date(day);
    const parts = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
    const found = calculateFourPillars({ ...parts, hour: 12, minute: 0 });
    const look = (year: string, day: string) =>
      fits({
        birth_year: parts.year,
        birth_month: parts.month,
        birth_day: parts.day,
        year_pillar: year,
        day_pillar: day,
      });
    const next = sixtyPillars[(sixtyPillars.indexOf(found.dayString) + 1) % 60] ?? '';
    if (!look(found.yearString, found.dayString) || look(found.yearString, next)) throw new Error(date.toISOString());
  }
});

test('a lunar date is judged by its solar day: 설날 of 2000 was 5 February', () => {
  const seollal = calculateFourPillars({ year: 2000, month: 2, day: 5, hour: 12, minute: 0 });
  const lunar = { is_solar: false, birth_year: 2000, birth_month: 1, birth_day: 1, year_pillar: '경진' };
  expect(fits({ ...lunar, day_pillar: seollal.dayString })).toBe(true);
  expect(fits({ ...lunar, day_pillar: '무오' })).toBe(false);
});

test('the leap month of a lunar year is another month', () => {
  const leap = calculateFourPillars({ year: 2012, month: 4, day: 21, hour: 12, minute: 0 });
  const lunar = { is_solar: false, birth_year: 2012, birth_month: 3, birth_day: 1, year_pillar: leap.yearString };
  expect(fits({ ...lunar, is_leap_month: true, day_pillar: leap.dayString })).toBe(true);
  expect(fits({ ...lunar, is_leap_month: null, day_pillar: leap.dayString })).toBe(false);
});

test('what cannot be judged fits', () => {
  expect(fits({ is_solar: false, birth_year: 1850, birth_month: 6, birth_day: 30 })).toBe(true);
  expect(fits({ birth_year: null })).toBe(true);
  expect(fits({ birth_month: null })).toBe(true);
  expect(fits({ birth_day: null })).toBe(true);
  expect(fits({ year_pillar: null, day_pillar: null })).toBe(true);
  expect(fits({ year_pillar: '??', day_pillar: '??' })).toBe(true);
});
