import type { Random } from '../random.js';
import type { JobRow, ResultRow } from './rows.js';

/** What finds something on every article of the site. */
export const articleSelectors = JSON.stringify({
  title: 'h1.title',
  author: '.author',
  published: 'time.published',
  summary: 'article > .summary',
  body: '.body p:first-child',
});

const subjects = [
  '오늘의 운세',
  '띠별 운세',
  '궁합 칼럼',
  '꿈해몽 모음',
  '절기 소식',
  'horoscopes',
  'articles',
] as const;
const places = ['네이버 카페', '본사 블로그', '제휴 매체', 'partner site', 'archive'] as const;

/** Days of the week, hours and seconds as people write them; each at least an hour apart, so that a stack's own jobs seldom run. */
const expressions = [
  '0 3 * * *',
  '30 6 * * 1-5',
  '0 */6 * * *',
  '15 4 1 * *',
  '0 0 * * SUN',
  '0 9 13 * 5',
  '0 30 9 * * MON-FRI',
  '0 0 12 ? * *',
  '@daily',
  '@weekly',
] as const;

const filters = [
  null,
  '{}',
  '{"include": ["운세"], "min_length": 10}',
  '{"exclude": ["광고", "[Ss]ponsored"]}',
  '{"include": ["pillars", "사주"], "exclude": ["^$"]}',
] as const;

/** A job as most are: some pages of one section of the site, most of them paused or at a time of the day. */
export function ordinaryJob(random: Random, id: number, site: string): JobRow {
  const created = Date.UTC(2018, 0, 1) + Math.floor(random.next() * 7 * 365.25 * 86_400_000);
  const section = random.pick(['ko', 'en', 'etag']);
  const first = random.between(1, 500);
  const isScheduled = random.chance(0.55);
  const hasExpression = isScheduled || random.chance(0.3);
  return {
    id,
    name: `${random.pick(subjects)} ${random.pick(places)} ${id}`,
    urls: Array.from({ length: random.between(1, 12) }, (_, place) => `${site}/${section}/${first + place}`),
    cron_expression: hasExpression ? random.pick(expressions) : null,
    css_selectors: articleSelectors,
    content_filters: random.pick(filters),
    rate_limit: random.pick([10, 20, 30, 60, 120]),
    request_delay: random.pick(['0.5', '1', '1.50', '2', '0']),
    output_format: random.pick(['json', 'jsonl', 'csv']),
    status: isScheduled ? 'scheduled' : 'paused',
    created_at: new Date(created).toISOString(),
  };
}

/** What a run of a job has left of one of its pages. */
export function ordinaryResult(random: Random, { urls }: Pick<JobRow, 'urls'>): Omit<ResultRow, 'id' | 'job_id'> {
  const number = random.between(1, 999);
  const crawled = Date.UTC(2025, 0, 1) + random.between(0, 900_000) * 60_000;
  const content = { title: `${number}번째 오늘의 운세`, author: '김하늘', summary: `재물운 ${number % 100}점.` };
  return {
    url: urls[number % urls.length] ?? null,
    content: JSON.stringify(content),
    crawled_at: new Date(crawled).toISOString(),
  };
}
