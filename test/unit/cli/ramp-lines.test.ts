import { expect, test } from 'vitest';
import { checkedLine, rampHeadline } from '../../../src/cli/ramp-lines.js';
import type { RampAnswer } from '../../../src/domain/traffic/ramp/ramp.js';

const ramp = (given: Partial<RampAnswer>) =>
  ({
    status: 'ramping',
    percentage: 10,
    target_percentage: 50,
    checked_at: '2026-03-01T10:00:00.000Z',
    settings: { check_interval_seconds: 15 },
    changed_since_end: null,
    ...given,
  }) as RampAnswer;
const now = Date.parse('2026-03-01T10:00:09.400Z');

test('a ramp says as of when it says what it says, and when it looks again', () => {
  expect(checkedLine(ramp({}), now)).toBe('Checked 9 s ago; it checks every 15 s.');
  expect(checkedLine(ramp({ checked_at: null }), now)).toBe('It has not checked anything yet.');
  // The clock of the worker may be ahead of this one.
  expect(checkedLine(ramp({}), now - 20_000)).toBe('Checked 0 s ago; it checks every 15 s.');
});

test.each(['completed', 'stopped'] as const)('a ramp that is %s checks no more', (status) => {
  expect(checkedLine(ramp({ status }), now)).toBeUndefined();
});

test('the first line of a ramp says that the weight was changed since its end', () => {
  expect(rampHeadline(ramp({ status: 'completed', percentage: 50 }))).toBe('completed at 50 % of 50 %');
  const changed = ramp({
    status: 'completed',
    percentage: 0,
    changed_since_end: { by: 'lee', at: '2026-03-01T11:00:00.000Z', why: '' },
  });
  expect(rampHeadline(changed)).toBe('completed, and the weight was changed since, to 0 %');
});
