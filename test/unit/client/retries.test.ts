import { describe, expect, test } from 'vitest';
import { type CallFailure, CubeAPIError } from '../../../src/client/cube-api-error.js';
import { RetryBudget, retryDelay } from '../../../src/client/retries.js';
import { choosePort } from '../../../src/state/ports.js';

const least = () => 0;
const most = () => 1;

function failed(failure: CallFailure, cause?: unknown): CubeAPIError {
  return new CubeAPIError('GET /api/saju/records/5', failure, cause);
}

function refused(status: number, retryAfterSeconds?: number): CubeAPIError {
  const problem = { type: 'about:blank', title: '', status, detail: '' };
  return failed({
    kind: 'refused',
    status,
    problem,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

describe('a second attempt', () => {
  test('comes after 25 to 250 ms, plus the Retry-After of the answer, five seconds at most', () => {
    expect(retryDelay(failed({ kind: 'unreachable' }), true, least)).toBe(25);
    expect(retryDelay(failed({ kind: 'unreachable' }), true, most)).toBe(250);
    expect(retryDelay(refused(503, 2), true, least)).toBe(2025);
    expect(retryDelay(refused(429, 3600), true, most)).toBe(5250);
  });

  test.each([
    ['refused without a word about when', refused(503)],
    ['refused for what time does not mend', refused(500, 1)],
    ['unreadable', failed({ kind: 'unreadable', status: 200 })],
    ['timed out', failed({ kind: 'timed_out', millis: 5 })],
    ['aborted', failed({ kind: 'aborted' })],
  ])('is not made of a call that was %s', (_, error) => {
    expect(retryDelay(error, true, least)).toBeUndefined();
  });

  test('is made for any call that was not sent, and otherwise only for idempotent ones', async () => {
    const port = await choosePort(0, new Set());
    const cause: unknown = await fetch(`http://localhost:${port}/`, { method: 'POST' }).catch(
      (error: unknown) => error,
    );
    expect(retryDelay(failed({ kind: 'unreachable' }, cause), false, least)).toBe(25);
    expect(retryDelay(failed({ kind: 'unreachable' }, new TypeError('fetch failed')), false, least)).toBeUndefined();
    expect(retryDelay(refused(503, 1), false, least)).toBeUndefined();
  });
});

test('the budget is three retries, or a fifth of the calls in flight', async () => {
  const budget = new RetryBudget();
  const taken = () => {
    let count = 0;
    while (budget.take()) count++;
    for (let place = 0; place < count; place++) budget.release();
    return count;
  };
  expect(taken()).toBe(3);
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const calls = Array.from({ length: 50 }, () => budget.count(() => over));
  expect(taken()).toBe(10);
  end();
  await Promise.all(calls);
  expect(taken()).toBe(3);
});
