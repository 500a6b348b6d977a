import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { UserBytes } from '../../../src/domain/routing.js';
import { UserWindows } from '../../../src/services/gateway/user-windows.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a user who goes on failing is counted as failed once an hour, its answers each time', () => {
  const windows = new UserWindows({
    labels: ['saju'],
    windowMillis: 10_000,
    weightOf: () => 5,
    now: () => Date.now(),
  });
  const failing = () => windows.count('saju', 'cube', 'unlucky' as UserBytes, true, 5);
  const told = (name: string) =>
    Number(new RegExp(`^${name}\\{cube="saju",target="cube"\\} (\\d+)$`, 'm').exec(windows.render())?.[1]);
  for (let window = 0; window < 6; window++) {
    failing();
    vi.advanceTimersByTime(10_000);
  }
  expect(told('gateway_window_failed_users_total')).toBe(1);
  expect(told('gateway_window_failed_requests_total')).toBe(6);
  expect(told('gateway_window_users_total')).toBe(6);
  vi.advanceTimersByTime(3_600_000);
  failing();
  vi.advanceTimersByTime(10_000);
  expect(told('gateway_window_failed_users_total')).toBe(2);
  windows.close();
});

test('one who failed before a weight that fell is counted anew: the next ramp meets the same users', () => {
  let weight = 5;
  const windows = new UserWindows({
    labels: ['saju'],
    windowMillis: 10_000,
    weightOf: () => weight,
    now: () => Date.now(),
  });
  const failedAt = (next: number) => {
    weight = next;
    vi.advanceTimersByTime(10_000);
    windows.count('saju', 'cube', 'unlucky' as UserBytes, true, 5);
    vi.advanceTimersByTime(10_000);
    const line = /^gateway_window_failed_users_total\{cube="saju",target="cube"\} (\d+)$/m.exec(windows.render());
    return Number(line?.[1]);
  };
  // Up the steps once; after the way back, and a second try, again.
  expect([5, 10, 25, 0, 5, 10].map(failedAt)).toEqual([1, 1, 1, 2, 2, 2]);
  windows.close();
});
