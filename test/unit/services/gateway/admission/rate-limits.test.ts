import { expect, test } from 'vitest';
import { RateLimit } from '../../../../../src/services/gateway/admission/rate-limits.js';

const rate = { perSecond: 10, burst: 40 };

/** A limit with a clock and a count of Redis under the test's hand. */
function limitWith(answer: (count: number) => Promise<number>) {
  const calls: number[] = [];
  const time = { now: 1000 };
  const limit = new RateLimit({
    by: 'subject',
    rate,
    countShared: (_bucket, _rate, count) => {
      calls.push(count);
      return answer(count);
    },
    now: () => time.now,
  });
  const take = (times: number) =>
    Array.from({ length: times }, () => limit.take('somebody')).filter((wait) => wait === 0);
  return { limit, calls, time, take };
}
const answered = () => new Promise((resolve) => setImmediate(resolve));

test('a client below half of the rate is never counted in Redis', () => {
  const { calls, time, take } = limitWith(async () => 0);
  for (let second = 0; second < 60; second++) {
    expect(take(5)).toHaveLength(5);
    time.now += 1000;
  }
  expect(calls).toEqual([]);
});

test('a client above it is counted to the last request, in one call for many', async () => {
  const { calls, time, take } = limitWith(async () => 0);
  expect(take(30)).toHaveLength(30);
  await answered();
  time.now += 100;
  expect(take(1)).toHaveLength(1);
  await answered();
  expect(calls).toEqual([6, 25]);
});

test('a client that Redis refuses is refused until the time it gave, without another call', async () => {
  const { limit, calls, time, take } = limitWith(async () => 5000);
  take(6);
  await answered();
  expect(limit.take('somebody')).toBe(5000);
  expect(limit.take('another')).toBe(0);
  time.now += 4999;
  expect(limit.take('somebody')).toBe(1);
  time.now += 1;
  expect(limit.take('somebody')).toBe(0);
  expect(calls).toEqual([6]);
});

test('a Redis that fails gets no call for a second, and the limit applies', async () => {
  const { calls, time, take } = limitWith(() => Promise.reject(new Error('away')));
  expect(take(100)).toHaveLength(40);
  await answered();
  time.now += 900;
  expect(take(100)).toHaveLength(9);
  expect(calls).toHaveLength(1);
  time.now += 100;
  take(100);
  time.now += 1000;
  take(100);
  expect(calls).toHaveLength(2);
});
