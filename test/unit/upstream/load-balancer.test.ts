import { Pool } from 'undici';
import { describe, expect, test } from 'vitest';
import { type Endpoint, LoadBalancer } from '../../../src/upstream/load-balancer.js';
import { RetryBudget, retryDelay } from '../../../src/upstream/retry-budget.js';

function endpoints(...ids: readonly string[]): readonly Endpoint[] {
  return ids.map((id) => ({ id, url: `http://127.0.0.1:1/${id}` }));
}

/** Numbers that look random and are the same each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function balanceOf(...ids: readonly string[]): LoadBalancer {
  const balance = new LoadBalancer({ random: seeded(7), connect: (url) => new Pool(new URL(url).origin) });
  balance.update(endpoints(...ids));
  return balance;
}

function picks(balance: LoadBalancer, times: number, now = 0): Map<string, number> {
  const counts = new Map<string, number>();
  for (let one = 0; one < times; one++) {
    const id = balance.pick(now)?.endpoint.id ?? 'nobody';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

describe('a load balancer', () => {
  test('distributes calls evenly', () => {
    for (const count of picks(balanceOf('a', 'b', 'c'), 3000).values()) expect(count).toBeGreaterThan(800);
  });

  test('prefers the less busy of two, and picks the busiest only against itself', () => {
    const balance = balanceOf('a', 'b', 'c');
    const busy = balance.pick(0);
    if (busy !== null) busy.outstanding = 100;
    expect(picks(balance, 900).get(busy?.endpoint.id ?? '') ?? 0).toBeLessThan(180);
  });

  test('ejects a member after five failures in a row, for longer each time, and one success resets the count', () => {
    const balance = balanceOf('a', 'b');
    const bad = balance.pick(0);
    if (bad === null) throw new Error('nobody to pick');
    for (const outcome of ['failed', 'timed_out', 'failed', 'failed', 'answered', 'failed'] as const)
      bad.record(outcome, 0);
    expect(bad.isEjected(0)).toBe(false);
    for (let failure = 0; failure < 4; failure++) bad.record('failed', 0);
    expect(picks(balance, 100).get(bad.endpoint.id)).toBeUndefined();
    expect(bad.isEjected(29_999)).toBe(true);
    expect(bad.isEjected(30_000)).toBe(false);
    for (let failure = 0; failure < 5; failure++) bad.record('failed', 30_000);
    expect(bad.isEjected(89_999)).toBe(true);
    expect(bad.isEjected(90_000)).toBe(false);
  });

  test('with all members ejected picks among all', () => {
    const balance = balanceOf('a', 'b');
    for (let round = 0; round < 100; round++) balance.pick(0)?.record('failed', 0);
    expect(picks(balance, 100).size).toBe(2);
    const alone = balanceOf('a');
    for (let failure = 0; failure < 10; failure++) alone.pick(0)?.record('failed', 0);
    expect(alone.pick(0)?.endpoint.id).toBe('a');
  });

  test('keeps the state of members that stay', () => {
    const balance = balanceOf('a');
    const first = balance.pick(0);
    balance.update(endpoints('a', 'b'));
    balance.update(endpoints('a'));
    expect(balance.pick(0)).toBe(first);
    balance.update([]);
    expect(balance.pick(0)).toBeNull();
  });

  test('picks another member for a retry when there is one', () => {
    const balance = balanceOf('a', 'b');
    const before = balance.pick(0);
    for (let one = 0; one < 50; one++) expect(balance.pick(0, before ?? undefined)).not.toBe(before);
  });
});

describe('a budget of retries', () => {
  test('is three, and a fifth of the calls in flight', () => {
    const budget = new RetryBudget();
    budget.begin();
    expect([1, 2, 3, 4].map(() => budget.take())).toEqual([true, true, true, false]);
    for (let call = 0; call < 99; call++) budget.begin();
    expect(Array.from({ length: 20 }, () => budget.take()).filter(Boolean)).toHaveLength(17);
    budget.end(true);
    budget.begin();
    expect(budget.take()).toBe(true);
  });
});

test.each([
  ['1', 1000],
  ['600', 5000],
  ['0', 0],
  ['Wed, 21 Oct 2026 07:28:00 GMT', 137.5],
  [undefined, 137.5],
])('Retry-After %s means %d milliseconds', (header, millis) => {
  expect(retryDelay(header, () => 0.5)).toBe(millis);
});
