import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { UserBytes } from '../../../../../src/domain/traffic/routing.js';
import { type SharedFailures, UserWindows } from '../../../../../src/services/gateway/observation/user-windows.js';

/** No other gateway: whoever this one does not know is new. */
const alone: SharedFailures = { record: async (_label, _side, users) => users.length, clear: async () => undefined };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a user who keeps failing counts as failed once an hour, every response counts', async () => {
  const windows = new UserWindows({
    labels: ['saju'],
    windowMillis: 10_000,
    weightOf: () => 5,
    failures: alone,
    now: () => Date.now(),
  });
  const failing = () => windows.count('saju', 'cube', 'unlucky' as UserBytes, true, 5);
  const told = (name: string) =>
    Number(new RegExp(`^${name}\\{cube="saju",target="cube"\\} (\\d+)$`, 'm').exec(windows.render())?.[1]);
  for (let window = 0; window < 6; window++) {
    failing();
    await vi.advanceTimersByTimeAsync(10_000);
  }
  expect(told('gateway_window_failed_users_total')).toBe(1);
  expect(told('gateway_window_failed_requests_total')).toBe(6);
  expect(told('gateway_window_users_total')).toBe(6);
  await vi.advanceTimersByTimeAsync(3_600_000);
  failing();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told('gateway_window_failed_users_total')).toBe(2);
  windows.close();
});

test('a user who failed before a lower weight counts again: the next ramp meets the same users', async () => {
  let weight = 5;
  const windows = new UserWindows({
    labels: ['saju'],
    windowMillis: 10_000,
    weightOf: () => weight,
    failures: alone,
    now: () => Date.now(),
  });
  const failedAt = async (next: number) => {
    weight = next;
    await vi.advanceTimersByTimeAsync(10_000);
    windows.count('saju', 'cube', 'unlucky' as UserBytes, true, 5);
    await vi.advanceTimersByTimeAsync(10_000);
    const line = /^gateway_window_failed_users_total\{cube="saju",target="cube"\} (\d+)$/m.exec(windows.render());
    return Number(line?.[1]);
  };
  // Up the steps once; after the way back, and a second try, again.
  const told: number[] = [];
  for (const next of [5, 10, 25, 0, 5, 10]) told.push(await failedAt(next));
  expect(told).toEqual([1, 1, 1, 2, 2, 2]);
  windows.close();
});

test('users and failures of a window reach the totals together, once all gateways agree who counts them', async () => {
  let answer = (_count: number) => {};
  const windows = new UserWindows({
    labels: ['saju'],
    windowMillis: 10_000,
    weightOf: () => 5,
    failures: { ...alone, record: () => new Promise((resolve) => (answer = resolve)) },
    now: () => Date.now(),
  });
  windows.count('saju', 'cube', 'one' as UserBytes, true, 5);
  windows.count('saju', 'cube', 'two' as UserBytes, true, 5);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(windows.render()).toMatch(/^gateway_window_users_total\{cube="saju",target="cube"\} 0$/m);
  answer(1);
  await vi.advanceTimersByTimeAsync(0);
  const told = windows.render();
  expect(told).toMatch(/^gateway_window_users_total\{cube="saju",target="cube"\} 2$/m);
  expect(told).toMatch(/^gateway_window_failed_users_total\{cube="saju",target="cube"\} 1$/m);
  windows.close();
});

test('a clearing that failed is retried before users are counted again', async () => {
  let weight = 50;
  let away = true;
  const calls: string[] = [];
  const windows = new UserWindows({
    labels: ['saju'],
    windowMillis: 10_000,
    weightOf: () => weight,
    failures: {
      record: async () => {
        calls.push('note');
        return 0;
      },
      clear: async () => {
        calls.push('forget');
        if (away) throw new Error('away');
      },
    },
    now: () => Date.now(),
  });
  const failedUsers = () =>
    Number(/failed_users_total\{cube="saju",target="cube"\} (\d+)$/m.exec(windows.render())?.[1]);
  await vi.advanceTimersByTimeAsync(10_000);
  weight = 0;
  await vi.advanceTimersByTimeAsync(10_000);
  windows.count('saju', 'cube', 'one' as UserBytes, true, 5);
  await vi.advanceTimersByTimeAsync(10_000);
  // Counted by what this gateway knows itself.
  expect([calls, failedUsers()]).toEqual([['forget', 'forget'], 1]);
  away = false;
  windows.count('saju', 'cube', 'two' as UserBytes, true, 5);
  await vi.advanceTimersByTimeAsync(10_000);
  expect([calls, failedUsers()]).toEqual([['forget', 'forget', 'forget', 'note'], 1]);
  windows.close();
});
