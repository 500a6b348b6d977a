import { describe, expect, test } from 'vitest';
import { identityIn, type Visit } from '../../../legacy/crawler-site/visits.js';
import { checkCrawl } from '../../support/crawl-checker.js';

/** A request of a page by run `a` of job 7 in legacy, of 10 ms. */
function visit(number: number, started: number, other: Partial<Visit> = {}): Visit {
  const own = { path: `/ko/${number}`, user_agent: '', status: 200, side: 'legacy', job: '7', run: 'a' } as const;
  return { number, started, ended: started + 10, ...own, ...other };
}

const robots = visit(1, 0, { path: '/robots.txt' });

describe('a log in which nothing is wrong', () => {
  test('has no findings', () => {
    const log = [robots, visit(2, 1000), visit(3, 2000), visit(4, 3000, { run: 'b' }), visit(5, 3000, { job: '8' })];
    expect(checkCrawl(log, { perMinute: 4, isClosed: () => false })).toEqual({
      overlaps: [],
      tooMany: undefined,
      tooSoon: [],
      closed: [],
      withoutRobots: [],
      unnamed: [],
      repeated: [],
    });
  });
});

describe('two runs of one job', () => {
  test('overlap where one begins before the other has ended', () => {
    const log = [robots, visit(2, 1000), visit(3, 1500, { run: 'b' }), visit(4, 1800, { run: 'b' }), visit(5, 2000)];
    expect(checkCrawl(log).overlaps).toEqual([{ job: '7', runs: ['legacy a', 'legacy b'], millis: 310, pages: 2 }]);
  });

  test('overlap across the sides, though their runs have the same name', () => {
    const log = [robots, visit(2, 1000), visit(3, 1005, { side: 'cube' })];
    expect(checkCrawl(log).overlaps).toEqual([{ job: '7', runs: ['legacy a', 'cube a'], millis: 5, pages: 1 }]);
  });

  test('overlap with a request that has not ended', () => {
    const log = [robots, visit(2, 1000, { ended: null }), visit(3, 9000, { run: 'b' })];
    expect(checkCrawl(log).overlaps).toMatchObject([{ millis: 10 }]);
  });

  test('do not overlap by another job or one after the other', () => {
    const log = [robots, visit(2, 1000), visit(3, 1005, { job: '8', run: 'b' }), visit(4, 1010, { run: 'b' })];
    expect(checkCrawl(log).overlaps).toEqual([]);
  });
});

describe('the rate', () => {
  test('is looked at in every sixty seconds, wherever they begin', () => {
    const log = [0, 30_000, 59_999, 61_000].map((started, place) => visit(place + 1, started));
    expect(checkCrawl(log, { perMinute: 2 }).tooMany).toEqual({ count: 3, from: 0 });
    expect(checkCrawl(log, { perMinute: 3 }).tooMany).toBeUndefined();
  });

  test('has no place for the request that is sixty seconds later, and none for robots.txt', () => {
    const log = [visit(1, 0), visit(2, 1, { path: '/robots.txt' }), visit(3, 60_000)];
    expect(checkCrawl(log, { perMinute: 1 }).tooMany).toBeUndefined();
  });
});

describe('single requests', () => {
  test('are too soon when they come within the delay', () => {
    const log = [visit(1, 0), visit(2, 999), visit(3, 1999)];
    expect(checkCrawl(log, { delayMillis: 1000 }).tooSoon).toEqual([2]);
  });

  test('of closed paths are found', () => {
    const log = [robots, visit(2, 1000, { path: '/private/1' })];
    expect(checkCrawl(log, { isClosed: (path) => path.startsWith('/private/') }).closed).toEqual([2]);
  });

  test('before robots.txt was read are found, side by side', () => {
    const log = [visit(1, 0), visit(2, 100, { path: '/robots.txt' }), visit(3, 200), visit(4, 300, { side: 'cube' })];
    expect(checkCrawl(log).withoutRobots).toEqual([1, 4]);
  });

  test('without a name are found', () => {
    const log = [visit(1, 0, { path: '/robots.txt', ...identityIn('curl/8.0') })];
    expect(checkCrawl(log).unnamed).toEqual([1]);
  });

  test('that give a run the same page again are found; another status, or another run, is not the same', () => {
    const same = { path: '/ko/1' };
    const log = [robots, visit(2, 100, same), visit(3, 200, same), visit(4, 300, { ...same, run: 'b' })];
    expect(checkCrawl([...log, visit(5, 400, { ...same, status: 429 })]).repeated).toEqual([
      { run: 'a', path: '/ko/1', times: 2 },
    ]);
  });
});

test.each([
  ['Heal7Crawler/1.0 (side=legacy; job=7; run=a-1)', { side: 'legacy', job: '7', run: 'a-1' }],
  [
    'Heal7Crawler/1.0 (side=cube; job=12; run=crawl/12:2026-11-29T00:00:00Z)',
    { side: 'cube', job: '12', run: 'crawl/12:2026-11-29T00:00:00Z' },
  ],
  ['Heal7Crawler/2 (+https://heal7.example/bot; side=cube; job=1; run=x)', { side: 'cube', job: '1', run: 'x' }],
  ['Heal7Crawler/1.0 (side=other; job=7; run=a)', { side: null, job: null, run: null }],
  ['Mozilla/5.0 (side=legacy; job=7; run=a)', { side: null, job: null, run: null }],
])('the identity in %s is read', (userAgent, identity) => {
  expect(identityIn(userAgent)).toEqual(identity);
});
