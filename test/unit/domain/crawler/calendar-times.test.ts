import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxTimesWithin, namesTime, nextTime, seoulDay } from '../../../../src/domain/crawler/calendar-times.js';
import { convertSchedule, temporalSpec } from '../../../../src/domain/crawler/convert-schedule.js';
import { expectedResults } from '../../../../src/domain/crawler/expected-results.js';
import { calendarTimes } from '../../../support/calendar-times.js';

const expressions = [
  '* * * * * *',
  '*/7 3 * * *',
  '0 9 13 * 5',
  '30 0 29 2 *',
  '15 10 12 L * ?',
  '0 0 0 * * 5L',
  '0 4 * * 2#5',
  '59 23 31 12 *',
] as const;
const from = Date.UTC(2026, 0, 1);
const instants = fc.integer({ min: from, max: Date.UTC(2099, 0, 1) });

describe.each(expressions)('%s', (expression) => {
  test('the next time is the first of the times that follow', () => {
    fc.assert(
      fc.property(instants, (after) => {
        const calendars = convertSchedule(expression, new Date(from));
        const until = after + 9 * 366 * 86_400_000;
        const [first] = calendarTimes(calendars, { after, until, count: 1 });
        const next = nextTime(calendars, new Date(after));
        expect(next?.getTime()).toBe(first);
        if (next === undefined) return;
        expect(namesTime(calendars, next)).toBe(true);
        expect(namesTime(calendars, new Date(next.getTime() + 999))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

test('days are those of Seoul', () => {
  expect(seoulDay(new Date('2026-12-31T15:00:00Z'))).toEqual({ year: 2027, month: 1, day: 1 });
  expect(nextTime(convertSchedule('@daily', new Date(from)), new Date('2026-03-01T14:59:59Z'))).toEqual(
    new Date('2026-03-01T15:00:00Z'),
  );
});

test('Temporal gets names of months and weekdays, the second, and Seoul', () => {
  expect(temporalSpec(convertSchedule('5 4 * 2 0,6', new Date(from)))).toEqual({
    calendars: [{ second: [0], minute: [5], hour: [4], month: ['FEBRUARY'], dayOfWeek: ['SUNDAY', 'SATURDAY'] }],
    timezone: 'Asia/Seoul',
    jitter: 0,
  });
});

describe('ids are drawn ahead', () => {
  const job = (expression: string | null, urls: number, ratePerMinute: number) => ({
    urls,
    ratePerMinute,
    calendars: expression === null ? null : convertSchedule(expression, new Date(from)),
  });

  test('for as many runs as four hours have, and two more', () => {
    const calendars = convertSchedule('0 * * * *', new Date(from));
    expect(maxTimesWithin(calendars, 4)).toBe(5);
    expect(expectedResults([job('0 * * * *', 1000, 100_000)])).toBe(7000);
  });

  test('for no more than the pace of the job permits', () => {
    expect(expectedResults([job('* * * * * *', 10, 1)])).toBe(10 * 240);
  });

  test('at least a thousand, at most a million', () => {
    expect(expectedResults([])).toBe(1000);
    expect(expectedResults([job('* * * * * *', 10_000, 1_000_000)])).toBe(1_000_000);
  });
});
