import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobLease, type LeaseSettings } from '../../src/crawler/job-lease.js';
import { createPool, inTransaction } from '../../src/postgres/connect.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

/** The lease of a job over a real database: two holders, each with a clock and a connection of its own. */
let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
});
afterAll(() => databases.drop());

const leaseMillis = 400;
const never = new AbortController().signal;

/** A holder whose process can be frozen: its clock goes on, its connections do nothing. */
function holder(name: string) {
  const pool = createPool(databases.cubeUrl, { applicationName: name, max: 3 });
  const frozen = { is: false };
  const query = pool.query.bind(pool) as (...given: unknown[]) => Promise<unknown>;
  Object.assign(pool, {
    query: async (...given: unknown[]) => {
      if (frozen.is) await until('the holder to wake', () => !frozen.is);
      return query(...given);
    },
  });
  const settings: LeaseSettings = { leaseMillis, now: () => performance.now() };
  return {
    take: (jobId: string, signal = never) => JobLease.take(pool, jobId, name, signal, settings),
    commits: (lease: JobLease) =>
      inTransaction(pool, (client) => lease.confirm(client)).then(
        () => true,
        () => false,
      ),
    freeze: () => {
      frozen.is = true;
    },
    wake: () => {
      frozen.is = false;
    },
    close: () => pool.end(),
  };
}

test('a lease that was given back is taken at once, under a higher token', async () => {
  const [one, other] = [holder('one'), holder('other')];
  const first = await one.take('1');
  await first.release();
  const before = performance.now();
  const second = await other.take('1');
  expect(performance.now() - before).toBeLessThan(leaseMillis / 2);
  expect(Number(second.token)).toBe(Number(first.token) + 1);
  expect([first.isHeld(), second.isHeld()]).toEqual([false, true]);
  await second.release();
  await Promise.all([one.close(), other.close()]);
});

test('a holder that lives keeps it: a successor waits for as long as it renews', async () => {
  const [one, other] = [holder('one'), holder('other')];
  const first = await one.take('2');
  const stop = new AbortController();
  const waiting = other.take('2', stop.signal).then(
    () => 'taken',
    () => 'stopped',
  );
  await sleep(3 * leaseMillis);
  expect(first.isHeld()).toBe(true);
  stop.abort();
  expect(await waiting).toBe('stopped');
  await first.release();
  await Promise.all([one.close(), other.close()]);
});

test('one that freezes loses it after a whole lease; woken it begins nothing and commits nothing', async () => {
  const [one, other] = [holder('one'), holder('other')];
  const first = await one.take('3');
  one.freeze();
  const frozenAt = performance.now();
  const second = await other.take('3');
  // The last renewal may be on its way when the holder freezes.
  expect(performance.now() - frozenAt).toBeGreaterThanOrEqual(leaseMillis * 0.95);
  // Before anything of the first holder runs again: by its own clock it is over.
  expect([first.isHeld(), second.isHeld()]).toEqual([false, true]);
  one.wake();
  expect(await one.commits(first)).toBe(false);
  expect(await other.commits(second)).toBe(true);
  await first.release();
  expect(await other.commits(second)).toBe(true);
  await second.release();
  await Promise.all([one.close(), other.close()]);
});

test('of several that wait one takes it', async () => {
  const holders = [holder('a'), holder('b'), holder('c')];
  const [first, ...others] = holders;
  const lease = await first?.take('4');
  const waiting = others.map((one) => one.take('4'));
  await lease?.release();
  const next = await Promise.race(waiting);
  const held = await Promise.race([Promise.all(waiting).then(() => 'both'), sleep(2 * leaseMillis).then(() => 'one')]);
  expect(held).toBe('one');
  await next.release();
  const taken = await Promise.all(waiting);
  expect(new Set(taken.map(({ token }) => token)).size).toBe(2);
  for (const one of taken) await one.release();
  await Promise.all(holders.map((one) => one.close()));
});

test('a successor waits until a commit under the old token has ended', async () => {
  const [one, other] = [holder('one'), holder('other')];
  const first = await one.take('5');
  const pool = createPool(databases.cubeUrl, { applicationName: 'committing', max: 1 });
  let second: JobLease | undefined;
  await inTransaction(pool, async (client) => {
    await first.confirm(client);
    void first.release();
    void other.take('5').then((taken) => {
      second = taken;
    });
    await sleep(leaseMillis);
    expect(second).toBeUndefined();
  });
  const taken = await until('the successor to take it', () => second);
  await taken.release();
  await Promise.all([one.close(), other.close(), pool.end()]);
});
