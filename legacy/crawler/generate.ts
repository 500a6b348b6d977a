import { Random } from '../random.js';
import { articleSelectors, ordinaryJob, ordinaryResult } from './ordinary-job.js';
import type { JobRow, ResultRow } from './rows.js';
import type { SpecialJob } from './special/special-job.js';
import { type SpecialJobSet, specialOf } from './special/special-jobs.js';

export interface CrawlerSettings {
  /** Rows of `crawler_jobs`, the special ones among them. */
  readonly jobs: number;
  readonly seed: number;
  readonly special: SpecialJobSet;
  /** The origin of the site that the jobs crawl, as `http://127.77.0.1:8081`. */
  readonly site: string;
}

export interface CrawlerRows {
  readonly jobs: readonly JobRow[];
  readonly results: readonly ResultRow[];
  /** The special names of `expected.json`, by the ids of their rows. */
  readonly specialJobs: ReadonlyMap<string, number>;
  readonly specialResults: ReadonlyMap<string, number>;
}

/** Rows of `crawler_jobs` and `crawler_results` as ten years leave them, the same for the same settings. Special ones are spread among the ordinary ones. */
export function generateCrawler({ jobs: count, seed, special: set, site }: CrawlerSettings): CrawlerRows {
  const random = new Random(seed);
  const special = specialOf(set);
  if (special.jobs.length >= count)
    throw new Error(`${count} jobs are fewer than the special ones, ${special.jobs.length}.`);
  const jobs: JobRow[] = [];
  const results: ResultRow[] = [];
  const specialJobs = new Map<string, number>();
  const specialResults = new Map<string, number>();
  let resultId = 0;
  const addResult = (row: Omit<ResultRow, 'id'>) => {
    resultId += random.chance(0.05) ? random.between(2, 9) : 1;
    results.push({ ...row, id: resultId });
    return resultId;
  };
  let id = 0;
  for (let place = 0; place < count; place++) {
    id += random.chance(0.1) ? random.between(2, 20) : 1;
    const one = special.jobs[specialJobs.size];
    const isSpecial =
      one !== undefined && place === Math.floor(((specialJobs.size + 0.5) * count) / special.jobs.length);
    const job = isSpecial ? specialRow(one, id, site) : ordinaryJob(random, id, site);
    jobs.push(job);
    if (isSpecial) specialJobs.set(one.name, id);
    const left = isSpecial ? (one.results ?? 0) : random.between(0, 8);
    for (let number = 0; number < left; number++) addResult({ ...ordinaryResult(random, job), job_id: id });
    // One of them follows every ordinary job until there is none left.
    const result = isSpecial ? undefined : special.results[specialResults.size];
    if (result !== undefined) {
      const row = { ...ordinaryResult(random, job), ...result.row, job_id: result.of === 'none' ? null : id };
      specialResults.set(result.name, addResult(row));
    }
  }
  return { jobs, results, specialJobs, specialResults };
}

function specialRow({ name, row, urls = ['/ko/1', '/en/2'] }: SpecialJob, id: number, site: string): JobRow {
  return {
    ...usual,
    name,
    ...row,
    id,
    urls: urls.map((url) => (url?.startsWith('/') ? `${site}${url}` : url)),
  };
}

const usual: Omit<JobRow, 'id' | 'name' | 'urls'> = {
  cron_expression: null,
  css_selectors: articleSelectors,
  content_filters: '{}',
  rate_limit: 60,
  request_delay: '0.5',
  output_format: 'json',
  status: 'paused',
  created_at: '2019-03-03 00:00:00+00',
};
