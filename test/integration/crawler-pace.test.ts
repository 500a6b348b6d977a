import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HostPace, paceTimes } from '../../src/crawler/fetching/host-pace.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { until } from '../support/conditions.js';
import { HostileSite } from '../support/hostile-site.js';
import { OwnRedis } from '../support/own-redis.js';
import { mostInWindow } from '../support/sliding-windows.js';

const workerFile = fileURLToPath(new URL('../support/pace-worker.mjs', import.meta.url));
let server: OwnRedis;

beforeAll(async () => {
  server = await OwnRedis.start();
});
afterAll(async () => {
  await server.stop();
});

describe.concurrent('two worker processes at one site, by its own log', () => {
  /** Times at which a site saw requests, from two workers that run until there are `count`. */
  async function seenTimes(count: number, requests: number, delaySeconds: number, window: number) {
    const site = await HostileSite.start();
    site.page('/', 'page');
    const host = `127.0.0.1:${site.port}`;
    const args = [server.url, `http://${host}/`, '1', requests, delaySeconds, window].map(String);
    const workers = [0, 1].map(() =>
      spawn(process.execPath, [workerFile, ...args], { stdio: ['pipe', 'ignore', 'inherit'] }),
    );
    const times = () => site.pagesOf(host).map(({ at }) => at);
    try {
      await until(`${count} requests`, () => times().length >= count, 30_000);
    } finally {
      await Promise.all(workers.map(end));
      await site.stop();
    }
    return times();
  }

  test('send no more than the rate in any window, and no less than 98 % of it', async () => {
    const [requests, window, windows] = [12, 4000, 2];
    const times = await seenTimes(requests * windows + 1, requests, 0, window);
    expect(mostInWindow(times, window)).toBe(requests);
    // The first worker may have sent part of the first window before the second one was there; from then on each request follows another one.
    const took = (times[requests * windows] ?? 0) - (times[0] ?? 0);
    expect(took).toBeGreaterThanOrEqual(window * windows);
    // How late a busy machine sends is the same in a window of 60 seconds, of which it is a hundredth at most.
    expect(took).toBeLessThan(windows * (window + 600));
  });

  test('keep the delay between any two requests', async () => {
    const times = await seenTimes(11, 1000, 0.5, 60_000);
    const gaps = times.slice(1).map((time, place) => time - (times[place] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
    expect((times[10] ?? 0) - (times[0] ?? 0)).toBeLessThan(5000 * 1.1);
  });
});

describe('the pace of a host', () => {
  const opened: { readonly pace: HostPace; readonly redis: RedisConnection }[] = [];
  const times = { ...paceTimes, window: 1000, latestArrival: 600, job: 400, settle: 200 };
  const signal = new AbortController().signal;

  async function openPace(changes: Partial<typeof times> = {}): Promise<HostPace> {
    const redis = connectRedis(server.url, { onError: () => undefined });
    await until('a connection', () => redis.status === 'ready');
    const pace = new HostPace(redis, { ...times, ...changes });
    opened.push({ pace, redis });
    return pace;
  }
  afterEach(() => {
    for (const { pace, redis } of opened.splice(0)) {
      pace.close();
      redis.disconnect();
    }
  });

  const job = (jobId: string, requests: number, delayMillis = 0) => ({ jobId, requests, delayMillis });

  /** Sends requests until the signal, and notes when. */
  async function send(pace: HostPace, host: string, rule: ReturnType<typeof job>, log: number[], until: AbortSignal) {
    try {
      for (;;) {
        const reservation = await pace.reserve(host, rule, 10_000, until);
        if ('restMillis' in reservation) throw new Error('resting');
        log.push(performance.now());
        await pace.arrived(reservation);
      }
    } catch (error) {
      if (!until.aborted) throw error;
    }
  }

  test('is the strictest of the jobs that run there, until they have ended', async () => {
    const [one, other] = [await openPace(), await openPace()];
    const log: number[] = [];
    const strict = AbortSignal.timeout(1500);
    const all = AbortSignal.timeout(3200);
    const begun = performance.now();
    const strictLog: number[] = [];
    const sending = send(other, 'strict', job('2', 3), strictLog, strict);
    await until('the strict job', () => strictLog.length > 0);
    await Promise.all([sending, send(one, 'strict', job('1', 30), log, all)]);
    const early = [...strictLog, ...log].filter((at) => at < begun + 1500).toSorted((a, b) => a - b);
    expect(mostInWindow(early, 1000)).toBeLessThanOrEqual(3);
    // The strict job holds for as long after its last request as a setting says.
    expect(log.filter((at) => at > begun + 2000).length).toBeGreaterThan(10);
    expect(mostInWindow(log, 1000)).toBeLessThanOrEqual(30);
  });

  test('is each host’s own', async () => {
    const pace = await openPace();
    await pace.arrived((await pace.reserve('a:80', job('1', 1), 0, signal)) as never);
    expect(await pace.reserve('b:80', job('1', 1), 0, signal)).toMatchObject({ host: 'b:80' });
  });

  test('counts a request that was never heard of again as if it had arrived as late as it could', async () => {
    const [dead, living] = [await openPace(), await openPace()];
    const begun = performance.now();
    await dead.reserve('dead', job('1', 1), 0, signal);
    await living.reserve('dead', job('1', 1), 0, signal);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(times.latestArrival + times.window - 5);
  });

  test('holds when Redis is emptied, since every worker tells what it sent', async () => {
    const paces = [await openPace(), await openPace(), await openPace()];
    const log: number[] = [];
    const all = AbortSignal.timeout(2600);
    // The third one sends nothing, and comes first when nothing is known.
    const sending = paces.slice(0, 2).map((pace) => send(pace, 'emptied', job('1', 10), log, all));
    await until('requests', () => log.length >= 10);
    await opened[2]?.redis.flushall();
    await Promise.all([...sending, send(paces[2] as HostPace, 'emptied', job('1', 10), log, all)]);
    expect(
      mostInWindow(
        log.toSorted((a, b) => a - b),
        1000,
      ),
    ).toBeLessThanOrEqual(10);
    expect(log.length).toBeGreaterThan(15);
  });

  test('waits while Redis is away, and holds when it starts again with nothing', async () => {
    const paces = [await openPace(), await openPace()];
    const log: number[] = [];
    const stop = new AbortController();
    const sending = paces.map((pace) => send(pace, 'restarted', job('1', 10), log, stop.signal));
    await until('requests', () => log.length >= 10);
    await server.kill();
    const before = log.length;
    await sleep(300);
    expect(log.length).toBe(before);
    await server.revive();
    await until('more requests', () => log.length >= before + 12);
    stop.abort();
    await Promise.all(sending);
    expect(
      mostInWindow(
        log.toSorted((a, b) => a - b),
        1000,
      ),
    ).toBeLessThanOrEqual(10);
  });

  test('gives a host the rest that it asks for, and says how long when that is too long to wait', async () => {
    const [one, other] = [await openPace(), await openPace()];
    await one.rest('tired', 700);
    await one.rest('tired', 100);
    expect(await other.reserve('tired', job('1', 100), 300, signal)).toMatchObject({ restMillis: expect.any(Number) });
    const begun = performance.now();
    expect(await other.reserve('tired', job('1', 100), 1000, signal)).toMatchObject({ host: 'tired' });
    expect(performance.now() - begun).toBeGreaterThan(550);
  });
});

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const gone = once(worker, 'exit');
  worker.stdin?.end();
  await gone;
}
