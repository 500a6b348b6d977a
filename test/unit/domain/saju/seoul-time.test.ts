import { describe, expect, test } from 'vitest';
import { readReference } from '../../../../bench/saju-reference.js';
import { instantOfWall } from '../../../../src/domain/saju/seoul-time.js';

const hours = (offset: string) => {
  const [h = 0, m = 0, s = 0] = offset.split(':').map(Number);
  return h * 3600 + m * 60 + s;
};

/** The first day of each rule, and how far clocks were ahead of UTC from then on. */
const rules = [
  ['1900-01-01', '8:27:52'],
  ['1908-04-01', '8:30'],
  ['1912-01-01', '9'],
  ['1948-06-01', '10'],
  ['1948-09-13', '9'],
  ['1949-04-03', '10'],
  ['1949-09-11', '9'],
  ['1950-04-01', '10'],
  ['1950-09-10', '9'],
  ['1951-05-06', '10'],
  ['1951-09-09', '9'],
  ['1954-03-21', '8:30'],
  ['1955-05-05', '9:30'],
  ['1955-09-09', '8:30'],
  ['1956-05-20', '9:30'],
  ['1956-09-30', '8:30'],
  ['1957-05-05', '9:30'],
  ['1957-09-22', '8:30'],
  ['1958-05-04', '9:30'],
  ['1958-09-21', '8:30'],
  ['1959-05-03', '9:30'],
  ['1959-09-20', '8:30'],
  ['1960-05-01', '9:30'],
  ['1960-09-18', '8:30'],
  ['1961-08-10', '9'],
  ['1987-05-10', '10'],
  ['1987-10-11', '9'],
  ['1988-05-08', '10'],
  ['1988-10-09', '9'],
] as const;

describe('the clocks of Seoul', () => {
  test('were as far ahead of UTC at noon of every day since 1900 as the history of Korean time says', () => {
    let rule = 0;
    for (let day = Date.UTC(1900, 0, 1) / 1000; day < Date.UTC(2060, 0, 1) / 1000; day += 86_400) {
      const date = new Date(day * 1000).toISOString().slice(0, 10);
      if (date >= (rules[rule + 1]?.[0] ?? '9999')) rule++;
      const wall = day + 43_200;
      const { instant, shown } = instantOfWall(wall, 0);
      if (wall - instant !== hours(rules[rule]?.[1] ?? '') || shown !== 'once') throw new Error(date);
    }
    expect(rule).toBe(rules.length - 1);
  });

  test('were read as the reference reads them, both times of those shown twice included', () => {
    const wrong = readReference().filter((row) => {
      const wall = Date.UTC(row.year, row.month - 1, row.day, row.hour, row.minute) / 1000;
      return wall - instantOfWall(wall, row.fold).instant !== row.offsetSeconds;
    });
    expect(wrong).toEqual([]);
  });

  test.each([
    ['1987-10-11T01:59', 'once', '10', '10'],
    ['1987-10-11T02:00', 'repeated', '10', '9'],
    ['1987-10-11T02:59', 'repeated', '10', '9'],
    ['1987-10-11T03:00', 'once', '9', '9'],
    ['1987-05-10T01:59', 'once', '9', '9'],
    ['1987-05-10T02:00', 'skipped', '9', '10'],
    ['1987-05-10T02:59', 'skipped', '9', '10'],
    ['1987-05-10T03:00', 'once', '10', '10'],
    ['1954-03-20T23:29', 'once', '9', '9'],
    ['1954-03-20T23:30', 'repeated', '9', '8:30'],
    ['1954-03-21T00:00', 'once', '8:30', '8:30'],
    ['1961-08-10T00:00', 'skipped', '8:30', '9'],
    ['1961-08-10T00:30', 'once', '9', '9'],
    ['1908-04-01T00:00', 'skipped', '8:27:52', '8:30'],
    ['1908-04-01T00:03', 'once', '8:30', '8:30'],
  ])('showed %s %s', (text, shown, first, second) => {
    const wall = Date.parse(`${text}Z`) / 1000;
    expect(instantOfWall(wall, 0)).toEqual({ instant: wall - hours(first), shown });
    expect(instantOfWall(wall, 1)).toEqual({ instant: wall - hours(second), shown });
  });

  test('keep local mean time before standard time and +9 for good', () => {
    for (const [year, offset] of [
      [1, '8:27:52'],
      [1600, '8:27:52'],
      [2100, '9'],
      [9999, '9'],
    ] as const) {
      const date = new Date(0);
      date.setUTCFullYear(year, 6, 1);
      const wall = date.getTime() / 1000;
      expect(wall - instantOfWall(wall, 0).instant).toBe(hours(offset));
    }
  });
});
