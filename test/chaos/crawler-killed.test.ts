import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { checkCrawl } from '../support/crawl-checker.js';
import { crawlerCrashPoints } from '../support/crawler-crash-points.js';
import { CrawlerStack } from '../support/crawler-stack.js';

/** Crawler workers that are killed between two side effects, or frozen beyond their lease: by the site's own log, and the results of both sides. */
const limit = 120_000;

/** Each test has servers of its own, and mostly waits: for a lease to end, or for Temporal to miss a worker. */
function crawling(name: string, run: (stack: CrawlerStack) => Promise<void>): void {
  test.concurrent(name, { timeout: limit }, async () => {
    const stack = await CrawlerStack.start();
    try {
      await run(stack);
    } finally {
      await stack.stop();
    }
  });
}

const urlsOf = (count: number) => Array.from({ length: count }, (_, place) => `/ko/${place}`);

async function expectEachOnce(stack: CrawlerStack, id: number, count: number): Promise<void> {
  const runs = await stack.runs(id);
  expect(runs).toMatchObject([{ outcome: 'done' }]);
  const results = await stack.caller.list(`/jobs/${id}/results`);
  const places = results.map((row) => (row as unknown as { url: string }).url);
  expect([...places].sort()).toEqual(
    urlsOf(count)
      .map((path) => stack.siteUrl + path)
      .sort(),
  );
}

crawling('a worker killed between any two side effects loses no result and doubles none', async (stack) => {
  const worker = stack.worker();
  const jobs: number[] = [];
  for (const point of crawlerCrashPoints) {
    jobs.push(await stack.insert({ paths: urlsOf(25), status: 'active' }));
    await worker.begin({ CUBESHIFT_CRASH_POINT: point });
    expect([point, await worker.ended()]).toEqual([point, 'SIGKILL']);
  }
  await worker.begin();
  for (const id of jobs) {
    await stack.caller.rest(id);
    await expectEachOnce(stack, id, 25);
    await until('results to be at legacy', async () => (await stack.writtenBack(id)).length === 25);
  }
  expect(checkCrawl(stack.site.log.after(0))).toMatchObject({ overlaps: [], unnamed: [], withoutRobots: [] });
});

crawling('a worker that freezes beyond its lease and wakes up begins no request and commits nothing', async (stack) => {
  const [one, other] = [stack.worker(), stack.worker()];
  await one.begin();
  stack.site.change({ hold: true });
  const id = await stack.insert({ paths: urlsOf(30), status: 'active' });
  await until('its requests to be under way', () => stack.pages(id).length >= 4);
  process.kill(one.pid ?? 0, 'SIGSTOP');
  const before = stack.pages(id).length;
  stack.site.change({ hold: false });
  await other.begin();
  await stack.caller.rest(id);
  await expectEachOnce(stack, id, 30);
  const last = stack.site.log.after(0).at(-1)?.number ?? 0;
  process.kill(one.pid ?? 0, 'SIGCONT');
  // Its next run begins: it works again, for all that is seen from outside.
  await other.end();
  const next = await stack.insert({ paths: urlsOf(1), status: 'active' });
  await stack.caller.rest(next);
  expect(stack.site.log.after(last).filter(({ job }) => job === String(id))).toEqual([]);
  await expectEachOnce(stack, id, 30);
  // Of the pages that it had begun each was requested once more, and no other.
  expect(stack.pages(id).length).toBeLessThanOrEqual(30 + before);
});

crawling('ticks that passed while no worker was there are made up by one run', async (stack) => {
  const worker = stack.worker();
  await worker.begin();
  const id = await stack.insert({ paths: urlsOf(1), cron: '* * * * * *', status: 'scheduled' });
  await until('a run to end', async () => (await stack.runs(id)).some(({ outcome }) => outcome === 'done'));
  await worker.end();
  const from = Date.now();
  await sleep(4000);
  const upto = Date.now();
  await worker.begin();
  await until('a run that was due after it', async () =>
    (await stack.runs(id)).some(({ due_at: at }) => at !== null && at.getTime() > upto),
  );
  const missed = (await stack.runs(id)).filter(
    ({ due_at: at }) => at !== null && at.getTime() > from && at.getTime() < upto,
  );
  expect(missed.length).toBeLessThanOrEqual(1);
  expect(checkCrawl(stack.pages(id))).toMatchObject({ overlaps: [] });
});
