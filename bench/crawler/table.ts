import { renderPartHead } from '../goals.js';
import { median, quotients, spread } from '../statistics.js';
import type { CrawlerFigures } from './measure.js';

const minRatio = 0.7;
/** The largest of the second half against the largest of the first. */
const maxGrowth = 1.25;
const minShare = 0.98;

/** The part of the results about crawling; `ground` says when, where and with which versions. */
export function renderCrawler(figures: CrawlerFigures, ground: readonly string[]): string {
  const { rounds, pages, memoryPages, engine, loop, megabytes, pace, minutes } = figures;
  const ratios = quotients(loop, engine);
  const growth = Math.max(...megabytes.slice(5)) / Math.max(...megabytes.slice(0, 5));
  const perSecond = (seconds: readonly number[]) =>
    spread(
      seconds.map((one) => pages / one),
      0,
    );
  return [
    ...renderPartHead({
      title: `Crawling (${rounds} rounds of ${pages} pages of 20 kB, five selectors)`,
      part: 'crawler',
      figures: [
        'Medians with least and most in brackets; ratios are of the same round, above 1 the engine is the faster one.',
      ],
      ground,
      minutes,
      goals: [
        {
          name: `pages a second with no rate limit ≥ ${minRatio} × a bare loop of undici and cheerio`,
          measured: `${spread(ratios)} ×`,
          reached: median(ratios) >= minRatio,
        },
        {
          name: `memory of the worker flat over ${memoryPages} pages: second half ≤ ${maxGrowth} × the first`,
          measured: `${growth.toFixed(2)} ×`,
          reached: growth <= maxGrowth,
        },
        {
          name: `${pace.perMinute} requests a minute held within 2 % under two workers, in every 60 s`,
          measured: `${pace.fewest} to ${pace.most}`,
          reached: pace.most <= pace.perMinute && pace.fewest >= minShare * pace.perMinute,
        },
      ],
    }),
    '',
    '| | engine | bare loop | ratio |',
    '|---|---|---|---|',
    `| pages a second | ${perSecond(engine)} | ${perSecond(loop)} | ${spread(ratios)} |`,
    '',
    'The engine is the crawler worker of a whole stack: four jobs at once, four requests each under way, with robots.txt, the pace of the host in Redis, addresses',
    'that are checked, pages extracted in threads with limits, the lease, results and progress committed batch by batch, and results written back to the table of legacy.',
    'The loop is a process that has sixteen requests under way, extracts, and stores results in batches of 100. The site runs on the same cores. Results are equal in each round, else',
    'the bench fails.',
    '',
    `Memory of the crawler worker after each tenth of ${memoryPages} pages: ${megabytes.map((one) => one.toFixed(0)).join(', ')} MB.`,
  ].join('\n');
}
