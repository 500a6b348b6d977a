import { describe, expect, test } from 'vitest';
import { readTimetable } from '../../../legacy/crawler-service/timetable.js';

/** Midnight of Monday, 30 November 2026, in Seoul. */
const from = new Date('2026-11-29T15:00:00Z');

function next(expression: string, count = 1): readonly string[] {
  const timetable = readTimetable(expression) ?? expect.fail(`${expression} cannot be read`);
  const times: string[] = [];
  for (let at: Date | null = from; times.length < count; ) {
    at = timetable.nextAfter(at);
    if (at === null) break;
    times.push(new Date(at.getTime() + 9 * 3_600_000).toISOString().slice(0, 19));
  }
  return times;
}

describe('an expression is due, by the clock of Seoul', () => {
  test.each([
    ['0 3 * * *', ['2026-11-30T03:00:00', '2026-12-01T03:00:00']],
    ['0 9 13 * 5', ['2026-12-04T09:00:00', '2026-12-11T09:00:00', '2026-12-13T09:00:00']],
    ['0 0 0 13 * FRI', ['2027-08-13T00:00:00']],
    ['0 0 */2 * 1', ['2026-12-07T00:00:00', '2026-12-21T00:00:00']],
    ['0 0 * * 5#2', ['2026-12-11T00:00:00', '2027-01-08T00:00:00']],
    ['0 0 * * 1-7', ['2026-12-01T00:00:00', '2026-12-02T00:00:00']],
    ['0 0 * * 5/2', ['2026-12-04T00:00:00', '2026-12-06T00:00:00', '2026-12-11T00:00:00']],
    ['0 0 L 2 *', ['2027-02-28T00:00:00', '2028-02-29T00:00:00']],
    ['0 0 12 ? * MON-FRI', ['2026-11-30T12:00:00', '2026-12-01T12:00:00']],
    ['  0   3 *\t* *  ', ['2026-11-30T03:00:00']],
    ['@Weekly', ['2026-12-06T00:00:00']],
    // What the monolith's library reads, and the cube does not convert.
    ['0 0 15W * *', ['2026-12-15T00:00:00']],
    ['0 0 0 1 1 ? 2031', ['2031-01-01T00:00:00']],
  ])('%s', (expression, times) => {
    expect(next(expression, times.length)).toEqual(times);
  });

  test('never, where no day is such', () => {
    expect(next('0 0 31 2 *')).toEqual([]);
  });
});

test.each(['', '   ', '0 3 * *', '61 * * * *', '@reboot', '@every 5m', 'TZ=UTC 0 3 * * *', 'x', '* * * * 1/0'])(
  '%j cannot be read',
  (expression) => {
    expect(readTimetable(expression)).toBeUndefined();
  },
);
