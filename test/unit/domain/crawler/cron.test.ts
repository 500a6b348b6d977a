import { Cron } from 'croner';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertEverMatches, calendarsOf } from '../../../../src/domain/crawler/cron/cron-calendars.js';
import { UnreadableCron } from '../../../../src/domain/crawler/cron/cron-problem.js';
import { readCron } from '../../../../src/domain/crawler/cron/read-cron.js';
import { calendarTimes, seoulAheadMillis } from '../../../support/calendar-times.js';

const today = { year: 2026, month: 11, day: 29 };
const start = Date.UTC(2026, 10, 29) - seoulAheadMillis - 1000;
const until = Date.UTC(2034, 10, 29);

describe('times are those of an independent library', () => {
  test.each([
    // What Temporal itself would read otherwise.
    '0 0 * * 5#2',
    '0 0 * * 1-7',
    '0 9 13 * 5',
    '0 30 9 * * 1-5',
    '0 0 * * SUN',
    '0 0 * * FRI-SUN',
    '0 0 * * SUN-TUE',
    '0 0 * * 7',
    '0 0 * * 0-7',
    '0 0 * * */2',
    '0 0 * * 5/2',
    '0 0 * * 1/2',
    '0 0 * * 0/3',
    '0 0 */2 * 1',
    '0 0 13 * */2',
    '0 0 L * *',
    '0 0 L,1 2 *',
    '0 0 29 2 *',
    '0 0 L 2 *',
    '0 0 * * 5L',
    '0 0 * * friL',
    '0 0 1 * 5L',
    '0 0 0 L * FRI',
    '0 0 0 29 2 3',
    '0 0 * * 1#1,3#5,7L',
    '0 0 15 * MON#2',
    '0 0 0 13 * FRI',
    '0 0 12 ? * MON-FRI',
    '15 0 12 1 JAN ?',
    '*/15 8-18/2 1,15 jan,JUL mon-fri',
    '5/10 * * * *',
    '0 20/2 * * *',
    '@hourly',
    '@DAILY',
    '@weekly',
    '@monthly',
    '@yearly',
    '@annually',
    '@midnight',
  ])('of %s', (text) => {
    expectSameTimes(text);
  });

  test('of random expressions in five and in six fields', () => {
    fc.assert(fc.property(fc.oneof(fiveFields, sixFields), expectSameTimes), { numRuns: 400 });
  }, 120_000);
});

describe('what is not converted', () => {
  test.each([
    ['', 'cron_invalid'],
    ['  ', 'cron_invalid'],
    ['* * * *', 'cron_invalid'],
    ['60 * * * *', 'cron_invalid'],
    ['* 24 * * *', 'cron_invalid'],
    ['* * 0 * *', 'cron_invalid'],
    ['* * 32 * *', 'cron_invalid'],
    ['* * * 13 *', 'cron_invalid'],
    ['* * * * 8', 'cron_invalid'],
    ['* 22-2 * * *', 'cron_invalid'],
    ['* * * * FRI-MON', 'cron_invalid'],
    ['* * * * SUN-SUN', 'cron_invalid'],
    ['* * * * 7-2', 'cron_invalid'],
    ['* * * * 7/2', 'cron_invalid'],
    ['* * * * 5#6', 'cron_invalid'],
    ['* * * * 5#0', 'cron_invalid'],
    ['* * * * 1-5#2', 'cron_invalid'],
    ['* * * * MONDAY', 'cron_invalid'],
    ['*/0 * * * *', 'cron_invalid'],
    ['*/61 * * * *', 'cron_invalid'],
    ['* * * */13 *', 'cron_invalid'],
    ['* * * * */8', 'cron_invalid'],
    ['1/2/3 * * * *', 'cron_invalid'],
    ['1-2-3 * * * *', 'cron_invalid'],
    ['1,,2 * * * *', 'cron_invalid'],
    ['1.5 * * * *', 'cron_invalid'],
    ['-1 * * * *', 'cron_invalid'],
    ['0 0 ? * *', 'cron_invalid'],
    ['? 0 0 * * *', 'cron_invalid'],
    ['0 0 0 ?,1 * *', 'cron_invalid'],
    ['0 0 L-3,40 * *', 'cron_invalid'],
    ['99 0 15W * *', 'cron_invalid'],
    ['@fortnightly', 'cron_invalid'],
    ['@constructor', 'cron_invalid'],
    ['0 0 * CONSTRUCTOR *', 'cron_invalid'],
    ['@daily please', 'cron_invalid'],
    ['@reboot', 'cron_unsupported'],
    ['@every 5m', 'cron_unsupported'],
    ['TZ=UTC 0 0 * * *', 'cron_unsupported'],
    ['CRON_TZ=Asia/Seoul 0 0 * * *', 'cron_unsupported'],
    ['0 0 0 * * ? 2027', 'cron_unsupported'],
    ['0 0 15W * *', 'cron_unsupported'],
    ['0 0 LW * *', 'cron_unsupported'],
    ['0 0 L-3 * *', 'cron_unsupported'],
    ['0 0 * * L', 'cron_unsupported'],
    ['0 0 31 2 *', 'cron_never'],
    ['0 0 30 2 *', 'cron_never'],
    ['0 0 0 31 4,6,9,11 *', 'cron_never'],
    // The next Monday of a 29 February is in 2044.
    ['0 0 0 29 2 MON', 'cron_never'],
  ])('%j is %s', (text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  test('rubbish is refused, never thrown in another way', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        problemOf(text);
      }),
      { numRuns: 2000 },
    );
  });
});

function problemOf(text: string): string | undefined {
  try {
    assertEverMatches(readCron(text), today);
    return undefined;
  } catch (error) {
    if (!(error instanceof UnreadableCron)) throw error;
    expect(error.detail).not.toBe('');
    return error.problem;
  }
}

/** The first hundred times, or all within eight years. */
function expectSameTimes(text: string): void {
  const calendars = calendarsOf(readCron(text), today);
  const ours = calendarTimes(calendars, { after: start, until, count: 100 });
  expect(ours.map(iso), text).toEqual(cronerTimes(text, 100).map(iso));
}

/** As KINDS asks it, over the same text. */
function cronerTimes(text: string, count: number): readonly number[] {
  const fields = text.split(' ');
  const hasSeconds = fields.length === 6;
  const days = hasSeconds ? [fields[3], fields[5]] : [fields[2], fields[4]];
  const both = hasSeconds || days.some((day) => day?.startsWith('*'));
  const written = fields.map((field, index) => {
    if (field === '?') return '*';
    return index === fields.length - 1 && fields.length > 1 ? weekdayLists(field) : field;
  });
  const cron = new Cron(written.join(' '), { timezone: 'Asia/Seoul', domAndDow: both, sloppyRanges: true });
  const times: number[] = [];
  for (let next = cron.nextRun(new Date(start)); next !== null && next.getTime() <= until; next = cron.nextRun(next)) {
    times.push(next.getTime());
    if (times.length === count) break;
  }
  return times;
}

/** A weekday `a/n` as the list that it means. */
function weekdayLists(field: string): string {
  return field
    .split(',')
    .map((element) => {
      const [, from, step] = /^(\d)\/(\d)$/.exec(element) ?? [];
      if (from === undefined || step === undefined) return element;
      const values: number[] = [];
      for (let value = Number(from); value <= 7; value += Number(step)) values.push(value);
      return values.join(',');
    })
    .join(',');
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** An element of a list: every form. */
function elements(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([one, other]) => `${Math.min(one, other)}-${Math.max(one, other)}`);
  const step = fc.integer({ min: 1, max: max - min });
  return fc.oneof(
    value.map(String),
    ...(names.length === 0 ? [] : [fc.constantFrom(...names)]),
    range,
    fc.tuple(range, step).map(([one, by]) => `${one}/${by}`),
    fc.tuple(value, step).map(([one, by]) => `${one}/${by}`),
    step.map((by) => `*/${by}`),
  );
}

function lists(element: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof(
    fc.constant('*'),
    fc.array(element, { minLength: 1, maxLength: 3 }).map((all) => all.join(',')),
  );
}

const months = ['Jan', 'FEB', 'mar', 'OCT'];
const weekdays = ['Mon', 'TUE', 'sat'];
const weekdayValue = fc.integer({ min: 0, max: 6 });
const minute = lists(elements(0, 59));
const hour = lists(elements(0, 23));
const dayOfMonth = lists(
  fc.oneof({ weight: 4, arbitrary: elements(1, 31) }, { weight: 1, arbitrary: fc.constant('L') }),
);
const month = lists(elements(1, 12, months));
const dayOfWeek = lists(
  fc.oneof(
    { weight: 4, arbitrary: elements(0, 6, weekdays) },
    { weight: 1, arbitrary: weekdayValue.map((day) => `${day}L`) },
    {
      weight: 1,
      arbitrary: fc.tuple(weekdayValue, fc.integer({ min: 1, max: 5 })).map(([day, nth]) => `${day}#${nth}`),
    },
  ),
);
const fiveFields = fc.tuple(minute, hour, dayOfMonth, month, dayOfWeek).map((fields) => fields.join(' '));
const dayOrAny = (day: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 3, arbitrary: day }, { weight: 1, arbitrary: fc.constant('?') });
const sixFields = fc
  .tuple(minute, minute, hour, dayOrAny(dayOfMonth), month, dayOrAny(dayOfWeek))
  .map((fields) => fields.join(' '));
