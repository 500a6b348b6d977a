import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package-root.js';
import { CrawlingStack } from './crawling-stack.js';
import type { LoopTask } from './plain-loop.js';

export interface CrawlerOptions {
  readonly rounds: number;
  /** Of a round. */
  readonly pages: number;
  /** Over which memory is looked at. */
  readonly memoryPages: number;
}

export interface CrawlerFigures extends CrawlerOptions {
  /** Seconds of a round. */
  readonly engine: readonly number[];
  readonly loop: readonly number[];
  /** Resident megabytes of the crawler worker after each tenth of the pages. */
  readonly megabytes: readonly number[];
  readonly pace: PaceFigures;
  readonly minutes: number;
}

export interface PaceFigures {
  readonly perMinute: number;
  /** The most and the fewest requests in any 60 s that begin with a request, by the site's own log. */
  readonly most: number;
  readonly fewest: number;
}

const jobs = 4;
/** Requests that a job has under way. */
const atOnceOfJob = 4;
const noLimit = 1_000_000_000;
const minuteMillis = 60_000;
const pacePerMinute = 600;
const paceMinutes = 3;
const run = promisify(execFile);

/** The crawler worker of a stack and a bare loop, in turn over the same pages; then its memory; then its pace with a second worker. */
export async function measureCrawler(
  { rounds, pages, memoryPages }: CrawlerOptions,
  log: (text: string) => void,
): Promise<CrawlerFigures> {
  const began = performance.now();
  const stack = await CrawlingStack.start(log);
  try {
    await stack.cube.query('create schema bench; create table bench.results (url text, content jsonb)');
    // Both have read a page before.
    await crawl(stack, 40);
    await runLoop(stack, 40);
    const [engine, loop]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      log(`round ${round + 1} of ${rounds}`);
      const contenders = [
        async () => void engine.push(await crawl(stack, pages)),
        async () => void loop.push(await runLoop(stack, pages)),
      ];
      for (const contender of round % 2 === 0 ? contenders : contenders.reverse()) await contender();
      await expectEqual(stack, pages);
    }
    const megabytes: number[] = [];
    for (let tenth = 0; tenth < 10; tenth++) {
      log(`memory: tenth ${tenth + 1} of ${memoryPages} pages`);
      await crawl(stack, memoryPages / 10);
      megabytes.push(stack.workerMegabytes());
    }
    const pace = await measurePace(stack, log);
    return { rounds, pages, memoryPages, engine, loop, megabytes, pace, minutes: (performance.now() - began) / 60_000 };
  } finally {
    await stack.stop();
  }
}

async function crawl(stack: CrawlingStack, pages: number): Promise<number> {
  await stack.cube.query('truncate crawler.results');
  const ofJob = Math.ceil(pages / jobs);
  return stack.crawl(
    Array.from({ length: jobs }, (_, job) => ({
      pages: numbers(pages).slice(job * ofJob, (job + 1) * ofJob),
      perMinute: noLimit,
    })),
  );
}

async function runLoop(stack: CrawlingStack, pages: number): Promise<number> {
  await stack.cube.query('truncate bench.results');
  const urls = numbers(pages).map((page) => stack.urlOf(page));
  const task: LoopTask = { urls, database: stack.cubeUrl, atOnce: jobs * atOnceOfJob };
  const child = run(process.execPath, [join(packageRoot(), 'dist', 'bench', 'main.js'), 'crawler-loop']);
  child.child.stdin?.end(JSON.stringify(task));
  return (JSON.parse((await child).stdout) as { seconds: number }).seconds;
}

/** Every page has one result at both, with the same content. */
async function expectEqual(stack: CrawlingStack, pages: number): Promise<void> {
  const found = await stack.cube.query<{ engine: number; differing: number }>(
    `select (select count(*) from crawler.results)::int as engine,
            (select count(*) from crawler.results as one full join bench.results as other using (url, content)
              where one.url is null or other.url is null)::int as differing`,
  );
  const [{ engine, differing } = { engine: 0, differing: 0 }] = found.rows;
  if (engine !== pages || differing !== 0)
    throw new Error(`${engine} results of ${pages} pages, ${differing} of which differ between engine and loop`);
}

/** Two jobs on one host, with a second worker. */
async function measurePace(stack: CrawlingStack, log: (text: string) => void): Promise<PaceFigures> {
  await stack.addWorker();
  const before = (await stack.visits()).length;
  const requests = pacePerMinute * paceMinutes;
  log(`pace: ${requests} requests at ${pacePerMinute} a minute, two workers`);
  await stack.crawl(
    [0, 1].map((job) => ({
      pages: numbers(requests / 2).map((page) => page + (job * requests) / 2),
      perMinute: pacePerMinute,
    })),
  );
  const times = [...(await stack.visits()).slice(before)].sort((one, other) => one - other);
  const last = times.at(-1) ?? 0;
  // A window that reaches past the last request would be short of some.
  const counts = times
    .filter((time) => time + minuteMillis <= last)
    .map((time) => times.filter((other) => other >= time && other < time + minuteMillis).length);
  return { perMinute: pacePerMinute, most: Math.max(...counts), fewest: Math.min(...counts) };
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, number) => number + 1);
}
