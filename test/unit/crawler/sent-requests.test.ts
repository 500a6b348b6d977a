import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SentRequests } from '../../../src/crawler/fetching/sent-requests.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('what was sent is known for a window after it arrived, and hosts are forgotten after it', () => {
  const sent = new SentRequests(1000);
  sent.note('a', '1', performance.now() + 500);
  sent.note('a', '2', performance.now());
  sent.note('b', '3', performance.now());
  vi.advanceTimersByTime(400);
  sent.note('a', '1', performance.now());
  sent.forget('b', '3');
  expect(sent.list()).toEqual([
    {
      host: 'a',
      arrivals: [
        { requestId: '2', ageMillis: 400 },
        { requestId: '1', ageMillis: 0 },
      ],
    },
  ]);
  vi.advanceTimersByTime(700);
  expect(sent.list()).toEqual([{ host: 'a', arrivals: [{ requestId: '1', ageMillis: 700 }] }]);
  vi.advanceTimersByTime(1000);
  sent.prune();
  expect(sent.isEmpty).toBe(true);
});
