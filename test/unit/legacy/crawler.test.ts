import { describe, expect, test } from 'vitest';
import { expectedCrawler } from '../../../legacy/crawler/expected.js';
import { type CrawlerRows, generateCrawler } from '../../../legacy/crawler/generate.js';

const settings = { jobs: 400, seed: 7, special: 'all', site: 'http://127.77.0.1:8081' } as const;
const rows = generateCrawler(settings);
const expected = expectedCrawler();

const textOf = ({ jobs, results }: CrawlerRows) => JSON.stringify([jobs, results]);

function jobOf(name: string) {
  const id = rows.specialJobs.get(name);
  return rows.jobs.find((job) => job.id === id) ?? expect.fail(`there is no job ${name}`);
}

describe('the jobs of a seed', () => {
  test('are the same every time', () => {
    expect(textOf(generateCrawler(settings))).toBe(textOf(rows));
  });

  test('are others than those of another seed', () => {
    expect(textOf(generateCrawler({ ...settings, seed: 8 }))).not.toBe(textOf(rows));
  });

  test('are as many as are wanted, with rising ids that have holes', () => {
    const { jobs, results } = generateCrawler({ ...settings, jobs: 2000 });
    expect(jobs).toHaveLength(2000);
    for (const some of [jobs, results]) {
      expect(some.every(({ id }, place) => place === 0 || id > (some[place - 1]?.id ?? id))).toBe(true);
      expect(some.at(-1)?.id).toBeGreaterThan(some.length);
    }
  });

  test('are active, scheduled and paused, in each format', () => {
    const of = (column: 'status' | 'output_format') => new Set(rows.jobs.map((job) => job[column]));
    for (const status of ['active', 'scheduled', 'paused']) expect(of('status')).toContain(status);
    for (const format of ['json', 'jsonl', 'csv']) expect(of('output_format')).toContain(format);
  });

  test('of an ordinary kind crawl the site that was named', () => {
    const special = new Set(rows.specialJobs.values());
    const others = rows.jobs.filter(({ id }) => !special.has(id)).flatMap(({ urls }) => urls);
    expect(others.length).toBeGreaterThan(500);
    expect(others.every((url) => url?.startsWith('http://127.77.0.1:8081/'))).toBe(true);
  });
});

describe('special rows', () => {
  test('have an expected outcome each, and each outcome a row', () => {
    expect(new Set(rows.specialJobs.keys())).toEqual(new Set(Object.keys(expected.jobs)));
    expect(new Set(rows.specialResults.keys())).toEqual(new Set(Object.keys(expected.results)));
  });

  test('are there for every reason of the contract that a row can give', () => {
    const outcomes = [...Object.values(expected.jobs), ...Object.values(expected.results)].map(
      ({ outcome }) => outcome,
    );
    expect(new Set(outcomes)).toEqual(
      new Set([
        'converts',
        ...['status_unknown', 'urls_empty', 'url_invalid', 'url_refused', 'schedule_missing'],
        ...['cron_invalid', 'cron_unsupported', 'cron_never', 'selector_invalid', 'filter_invalid'],
        ...['rate_invalid', 'delay_invalid', 'output_format_unknown', 'job_unknown', 'timestamp_invalid'],
      ]),
    );
  });

  test('have the sizes that their names say', () => {
    expect(Buffer.byteLength(jobOf('name-10-kb').name)).toBe(10_000);
    expect(new Set(jobOf('urls-10000').urls).size).toBe(10_000);
    const many = jobOf('results-many').id;
    expect(rows.results.filter(({ job_id }) => job_id === many)).toHaveLength(700);
  });

  test('are called as the list calls them, except where the name is what is tried', () => {
    for (const name of rows.specialJobs.keys()) if (!name.startsWith('name-')) expect(jobOf(name).name).toBe(name);
  });

  test('are few in a small stack, with one reject a reason', () => {
    const { specialJobs, specialResults } = generateCrawler({ ...settings, jobs: 60, special: 'few' });
    const outcomes = [...specialJobs.keys()].flatMap((name) => expected.jobs[name]?.outcome ?? []);
    const reasons = outcomes.filter((outcome) => outcome !== 'converts');
    expect(new Set(reasons).size).toBe(reasons.length);
    expect(reasons).toHaveLength(14);
    expect(specialResults.has('result-of-no-job')).toBe(true);
  });

  test('cannot be more than the jobs', () => {
    expect(() => generateCrawler({ ...settings, jobs: 50 })).toThrow('fewer than the special ones');
  });
});
