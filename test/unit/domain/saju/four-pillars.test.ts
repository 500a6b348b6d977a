import { describe, expect, test } from 'vitest';
import { pillarsOf, readReference, readTable } from '../../../../bench/saju-reference.js';
import { type Birth, defaultConvention } from '../../../../src/domain/saju/birth.js';
import { calculateChart } from '../../../../src/domain/saju/four-pillars.js';
import { instantOfWall } from '../../../../src/domain/saju/seoul-time.js';

const reference = readReference();

describe('the reference', () => {
  test('is answered right in every row, by its solar date', () => {
    expect(reference.length).toBeGreaterThan(35_000);
    const wrong = reference.filter((row) => pillarsOf(birth({ ...row })) !== row.pillars);
    expect(wrong.map((row) => row.text)).toEqual([]);
  });

  test('is answered right by its lunar dates too', () => {
    const plain = reference.filter((row) => row.clock === 'wall' && row.day_boundary === 'split');
    expect(plain.length).toBeGreaterThan(2000);
    const wrong = plain.filter((row) => {
      const { leap, ...date } = row.lunar;
      return pillarsOf(birth({ ...row, ...date, is_solar: false, is_leap_month: leap })) !== row.pillars;
    });
    expect(wrong.map((row) => row.text)).toEqual([]);
  });

  test('holds every convention and both times of clocks that went back', () => {
    const conventions = new Set(reference.map((row) => `${row.clock} ${row.day_boundary}`));
    expect(conventions.size).toBe(12);
    expect(new Set(reference.map((row) => row.fold))).toEqual(new Set([0, 1]));
  });
});

test.each([
  [{ year: 2000, month: 1, day: 1, hour: 12, minute: 0 }, '기묘 병자 무오 무오'],
  [{ year: 1984, month: 2, day: 5, hour: 0, minute: 17 }, '계해 을축 기사 갑자'],
  [{ year: 1984, month: 2, day: 5, hour: 0, minute: 20 }, '갑자 병인 기사 갑자'],
  [{ year: 2024, month: 2, day: 4, hour: 17, minute: 25 }, '계묘 을축 무술 신유'],
  [{ year: 2024, month: 2, day: 4, hour: 17, minute: 29 }, '갑진 병인 무술 신유'],
  [{ year: 1990, month: 5, day: 15, hour: 14, minute: 30 }, '경오 신사 경진 계미'],
  [{ year: 2024, month: 3, day: 10, hour: 23, minute: 30 }, '갑진 정묘 계유 갑자'],
  [{ year: 2024, month: 3, day: 10, hour: 23, minute: 30, day_boundary: '23h' }, '갑진 정묘 갑술 갑자'],
  [{ year: 2024, month: 3, day: 10, hour: 23, minute: 30, day_boundary: 'midnight' }, '갑진 정묘 계유 임자'],
  [{ year: 1988, month: 9, day: 17, hour: 10, minute: 30 }, '무진 신유 을해 신사'],
  [{ year: 1988, month: 9, day: 17, hour: 10, minute: 30, clock: 'lmt' }, '무진 신유 을해 경진'],
  [{ year: 1949, month: 10, day: 1, hour: 15, minute: 0 }, '기축 계유 갑자 임신'],
  [{ year: 1955, month: 6, day: 15, hour: 0, minute: 30 }, '을미 임오 정미 경자'],
  [{ year: 1955, month: 6, day: 15, hour: 0, minute: 30, clock: 'lmt' }, '을미 임오 병오 경자'],
] as const)('the chart of %o is %s', (parts, pillars) => {
  expect(pillarsOf(birth(parts))).toBe(pillars);
});

test('month and year change in the minute that holds the term, to the second of the table', () => {
  const wrong = readTable('solar-terms-kst.csv.gz')
    .map((line) => line.split(','))
    .filter(([year, index]) => Number(year) >= 1909 && Number(year) <= 2052 && Number(index) % 2 === 0)
    .filter(([, index, , seconds]) => {
      const term = Number(seconds);
      const before = birthAt(Math.ceil(term / 60) * 60 - 60);
      const after = birthAt(Math.ceil(term / 60) * 60);
      const [year = '', month = ''] = pillarsOf(before).split(' ');
      const [nextYear = '', nextMonth = ''] = pillarsOf(after).split(' ');
      return month === nextMonth || (year !== nextYear) !== (index === '2');
    });
  expect(wrong).toEqual([]);
});

describe('an unknown hour', () => {
  test('gives the other three pillars and no hour pillar', () => {
    expect(pillarsOf(birth({ year: 1990, month: 5, day: 15, hour: null }))).toBe('경오 신사 경진 ');
  });

  test('is warned of on the day of a term, and only there', () => {
    expect(warningsOf(birth({ year: 1984, month: 2, day: 5, hour: null }))).toEqual(['term_on_day_of_unknown_hour']);
    expect(warningsOf(birth({ year: 1984, month: 2, day: 4, hour: null }))).toEqual([]);
    expect(warningsOf(birth({ year: 1984, month: 2, day: 6, hour: null }))).toEqual([]);
  });
});

test.each([
  ['a minute off a term', { year: 1984, month: 2, day: 5, hour: 0, minute: 17 }, ['near_term']],
  ['a quarter of an hour off a term', { year: 1984, month: 2, day: 5, hour: 0, minute: 34 }, []],
  ['a minute before an hour edge', { year: 1990, month: 5, day: 15, hour: 14, minute: 59 }, ['near_hour_edge']],
  ['two minutes after an hour edge', { year: 1990, month: 5, day: 15, hour: 15, minute: 2 }, ['near_hour_edge']],
  ['three minutes after an hour edge', { year: 1990, month: 5, day: 15, hour: 15, minute: 3 }, []],
  ['an even hour', { year: 1990, month: 5, day: 15, hour: 14, minute: 0 }, []],
  ['midnight', { year: 1990, month: 5, day: 15, hour: 0, minute: 0 }, ['near_day_edge']],
  ['midnight that changes no day', { year: 1990, month: 5, day: 15, hour: 0, minute: 0, day_boundary: '23h' }, []],
  [
    'an hour edge of local mean time',
    { year: 1990, month: 5, day: 15, hour: 15, minute: 32, clock: 'lmt' },
    ['near_hour_edge'],
  ],
  ['a time shown twice', { year: 1987, month: 10, day: 11, hour: 2, minute: 30 }, ['wall_time_repeated']],
  ['its second showing', { year: 1987, month: 10, day: 11, hour: 2, minute: 30, fold: 1 }, ['wall_time_repeated']],
  ['a time never shown', { year: 1987, month: 5, day: 10, hour: 2, minute: 30 }, ['wall_time_skipped']],
  [
    'the last day without standard time',
    { year: 1908, month: 3, day: 31, hour: 12, minute: 0 },
    ['before_standard_time'],
  ],
  ['the first day of standard time', { year: 1908, month: 4, day: 1, hour: 12, minute: 0 }, []],
  ['a term nobody has measured', { year: 2053, month: 5, day: 15, hour: 14, minute: 30 }, ['terms_predicted']],
  [
    'the first year there is',
    { year: 1, month: 1, day: 1, hour: 12, minute: 0 },
    ['before_standard_time', 'terms_estimated'],
  ],
  ['the last year there is', { year: 9999, month: 12, day: 31, hour: 12, minute: 0 }, ['terms_estimated']],
] as const)('%s is warned of as it should be', (_, parts, warnings) => {
  expect(warningsOf(birth(parts))).toEqual(warnings);
});

test('fold distinguishes two births that one clock showed alike', () => {
  const twice = { year: 1987, month: 10, day: 11, hour: 2, minute: 30, clock: 'lmt' } as const;
  expect(pillarsOf(birth({ ...twice, fold: 0 })).split(' ')[3]).toBe('임자');
  expect(pillarsOf(birth({ ...twice, fold: 1 })).split(' ')[3]).toBe('계축');
});

test('the convention used is named whole', () => {
  const asked = { clock: 'true', longitude: 129.075, day_boundary: '23h', fold: 1 } as const;
  const chart = calculateChart(birth({ ...asked }));
  expect(chart).toMatchObject({ convention: asked });
});

test('years far from ours follow one another as pillars do', () => {
  const yearPillars = [300, 301, 1799, 1800, 2300, 2301, 9000].map(
    (year) => pillarsOf(birth({ year, month: 7, day: 1, hour: 12 })).split(' ')[0],
  );
  expect(yearPillars).toEqual(['경신', '신유', '기미', '경신', '경진', '신사', '경신']);
  const days = [
    { year: 1799, month: 12, day: 31 },
    { year: 1800, month: 1, day: 1 },
    { year: 2300, month: 12, day: 31 },
    { year: 2301, month: 1, day: 1 },
  ].map((date) => pillarsOf(birth({ ...date, hour: 12 })).split(' ')[2]);
  expect(days).toEqual(['기축', '경인', '을해', '병자']);
});

test.each([
  ['birth_year', { year: 0 }],
  ['birth_year', { year: 10_000 }],
  ['birth_year', { year: -1 }],
  ['birth_month', { month: 0 }],
  ['birth_month', { month: 13 }],
  ['birth_day', { day: 0 }],
  ['birth_day', { month: 2, day: 30 }],
  ['birth_day', { year: 1900, month: 2, day: 29 }],
  ['birth_hour', { hour: 24 }],
  ['birth_hour', { hour: -1 }],
  ['birth_minute', { minute: 60 }],
  ['longitude', { longitude: 180.1 }],
  ['longitude', { longitude: Number.NaN }],
  ['is_leap_month', { year: 2012, month: 4, day: 1, is_solar: false, is_leap_month: true }],
  ['birth_day', { year: 2024, month: 1, day: 30, is_solar: false }],
  ['birth_day', { year: 1990, month: 1, day: 31, is_solar: false }],
  ['birth_year', { year: 1850, month: 1, day: 1, is_solar: false }],
  ['birth_year', { year: 2050, month: 12, day: 1, is_solar: false }],
] as const)('%s is named in what cannot be: %o', (field, parts) => {
  expect(calculateChart(birth(parts))).toMatchObject({ kind: 'impossible', field });
});

test('30 February is right where the lunar month has it', () => {
  expect(pillarsOf(birth({ year: 1947, month: 2, day: 30, hour: 7, is_solar: false }))).toBe(
    pillarsOf(birth({ year: 1947, month: 3, day: 22, hour: 7 })),
  );
});

function birth(parts: Partial<Birth>): Birth {
  return {
    ...defaultConvention,
    year: 1990,
    month: 5,
    day: 15,
    hour: 14,
    minute: 30,
    is_solar: true,
    is_leap_month: false,
    ...parts,
  };
}

/** A birth at an instant, by what the clocks of Seoul showed then. */
function birthAt(instant: number): Birth {
  for (const offset of [32_400, 30_600, 34_200, 36_000, 30_472]) {
    for (const fold of [0, 1] as const) {
      const wall = instant + offset;
      if (instantOfWall(wall, fold).instant !== instant) continue;
      const date = new Date(wall * 1000);
      return birth({
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        fold,
      });
    }
  }
  throw new Error(`no clock showed ${instant}`);
}

function warningsOf(of: Birth): readonly string[] {
  const found = calculateChart(of);
  if (found.kind !== 'chart') throw new Error(`${found.field}: ${found.detail}`);
  return found.warnings;
}
