import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { checkCrawl } from '../support/crawl-checker.js';
import { CrawlerStack } from '../support/crawler-stack.js';
import { OwnRedis } from '../support/own-redis.js';
import { OwnServers } from '../support/own-servers.js';

/** Servers that go away in the middle of runs, and come back: by the site's own log, and the results of both sides. */
const limit = 240_000;
/** At the pace of the jobs a run takes some seconds. */
const pages = 60;
const pace = { perMinute: 600, delaySeconds: 0.05 };
let servers: OwnServers;
let redis: OwnRedis;
let stack: CrawlerStack;

beforeAll(async () => {
  [servers, redis] = await Promise.all([OwnServers.start(), OwnRedis.start()]);
  const { legacyUrl, cubeUrl, temporalAddress } = servers;
  stack = await CrawlerStack.start({ legacyUrl, cubeUrl, temporalAddress, redisUrl: redis.url });
  // Two workers share the jobs.
  for (const worker of [stack.worker(), stack.worker()]) await worker.begin();
}, limit);
afterAll(async () => {
  await stack?.stop();
  await redis?.stop();
  await servers?.stop();
}, limit);

const outages: readonly (readonly [name: string, outage: () => Promise<void>])[] = [
  ['Temporal is killed', () => restarted('temporal', 'SIGKILL')],
  ['Temporal is stopped', () => restarted('temporal', 'SIGTERM')],
  ['the cube database is killed', () => restarted('postgres-cube', 'SIGKILL')],
  ['the cube database is stopped', () => restarted('postgres-cube', 'SIGINT')],
  ["legacy's database is killed", () => restarted('postgres-legacy', 'SIGKILL')],
  [
    'Redis is killed, and has nothing when it is back',
    async () => {
      await redis.kill();
      await redis.revive();
    },
  ],
  [
    'the host is busy for a while',
    async () => {
      stack.site.change({ busy_until: Date.now() + 3000 });
    },
  ],
];

async function restarted(name: 'temporal' | 'postgres-cube' | 'postgres-legacy', signal: NodeJS.Signals) {
  await servers.end(name, signal);
  await servers.revive(name);
}

test.each(outages)(
  '%s during two runs: they end as they would have, with each page once',
  {
    timeout: limit,
  },
  async (_, outage) => {
    const paths = (job: number) => Array.from({ length: pages }, (_page, place) => `/ko/${job * 1000 + place}`);
    const jobs = [
      await stack.insert({ paths: paths(1), status: 'active', ...pace }),
      await stack.insert({ paths: paths(2), status: 'active', ...pace }),
    ];
    await until('both runs to fetch', () => jobs.every((id) => stack.pages(id).length >= 5));
    await outage();
    await until(
      'both runs to end, and their results to be at legacy',
      async () => {
        const written = await Promise.all(jobs.map(async (id) => (await stack.writtenBack(id)).length));
        return written.every((count) => count === pages);
      },
      120_000,
    );
    for (const [place, id] of jobs.entries()) {
      const urls = paths(place + 1).map((path) => stack.siteUrl + path);
      await until('the run to have ended', async () => (await stack.runs(id))[0]?.outcome !== null, 30_000);
      expect(await stack.runs(id)).toMatchObject([{ outcome: 'done' }]);
      expect((await stack.writtenBack(id)).map(({ url }) => url).sort()).toEqual([...urls].sort());
      const { rows } = await stack.databases.cube.query(
        'select url, written_back_at is null as waits from crawler.results where job_id = $1 order by url',
        [id],
      );
      expect(rows).toEqual([...urls].sort().map((url) => ({ url, waits: false })));
    }
    const findings = checkCrawl(stack.site.log.after(0), { perMinute: pace.perMinute });
    expect(findings).toMatchObject({ overlaps: [], unnamed: [], withoutRobots: [], tooMany: undefined });
  },
);
