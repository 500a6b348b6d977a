import { cp949Words, oldPageNames } from '../../crawler-site/old-pages.js';
import type { SpecialJob, SpecialResult } from './special-job.js';

const tenThousand = Array.from({ length: 10_000 }, (_, place) => `/bench/${place}`);

/** What must be carried as it is. */
export const oddities: readonly SpecialJob[] = [
  { name: 'status-active', row: { status: 'active' } },
  { name: 'status-active-with-cron', row: { status: 'active', cron_expression: '0 5 * * *' } },
  { name: 'status-scheduled', row: { status: 'scheduled', cron_expression: '0 5 * * *' } },
  { name: 'status-paused', row: { status: 'paused' } },
  { name: 'status-paused-with-cron', row: { status: 'paused', cron_expression: '0 5 * * *' } },
  { name: 'format-json', row: { output_format: 'json' } },
  { name: 'format-jsonl', row: { output_format: 'jsonl' } },
  { name: 'format-csv', row: { output_format: 'csv' } },
  { name: 'name-10-kb', row: { name: `${'긴'.repeat(3333)}x` } },
  { name: 'name-empty', row: { name: '' } },
  { name: 'name-emoji', row: { name: '👨‍👩‍👧 운세 🔮' } },
  { name: 'name-nfd', row: { name: '운세'.normalize('NFD') } },
  { name: 'name-control-characters', row: { name: 'a\tb\nc\u001b[31md' } },
  { name: 'name-quotes', row: { name: `'"\`; drop table crawler_jobs; --` } },
  { name: 'name-twice-1', row: { name: 'the same name' } },
  { name: 'name-twice-2', row: { name: 'the same name' } },
  { name: 'urls-10000', row: { rate_limit: 100_000, request_delay: '0' }, urls: tenThousand },
  { name: 'urls-one', row: {}, urls: ['/ko/1'] },
  { name: 'urls-twice-the-same', row: {}, urls: ['/ko/1', '/ko/2', '/ko/1'] },
  { name: 'urls-fragment', row: {}, urls: ['/ko/1#top', '/ko/1'] },
  { name: 'urls-korean-query', row: {}, urls: ['/ko/1?q=운세 보기'] },
  { name: 'urls-old-encodings', row: {}, urls: oldPageNames.map((name) => `/old/${name}`) },
  { name: 'urls-disallowed-by-robots', row: {}, urls: ['/private/1', '/private/open', '/ko/3'] },
  { name: 'urls-missing-pages', row: {}, urls: ['/status/404', '/status/500', '/nowhere', '/ko/4'] },
  { name: 'urls-redirects', row: {}, urls: ['/redirect/2', '/redirect/loop'] },
  { name: 'urls-public-names', row: {}, urls: ['https://www.example.com/a', 'http://example.org:80/b?c=d'] },
  {
    name: 'urls-public-address',
    row: {},
    urls: ['http://93.184.215.14/', 'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/'],
  },
  { name: 'urls-capitals', row: {}, urls: ['HTTPS://WWW.EXAMPLE.COM/A'] },
  { name: 'selectors-null', row: { css_selectors: null } },
  { name: 'selectors-none', row: { css_selectors: '{}' } },
  { name: 'selectors-every-kind', row: { css_selectors: selectors() } },
  { name: 'selectors-korean-field', row: { css_selectors: '{"제목": "h1", "본문 요약": ".summary"}' } },
  { name: 'filters-null', row: { content_filters: null } },
  { name: 'filters-none', row: { content_filters: '{}' } },
  {
    name: 'filters-all',
    row: { content_filters: JSON.stringify({ include: ['운세', cp949Words], exclude: ['광고'], min_length: 5 }) },
  },
  { name: 'filters-explosive', row: { content_filters: '{"exclude": ["^(a+)+$", "(x|x)*y"]}' } },
  { name: 'rate-1', row: { rate_limit: 1 } },
  { name: 'rate-largest', row: { rate_limit: 2_147_483_647 } },
  { name: 'delay-0', row: { request_delay: '0' } },
  { name: 'delay-many-digits', row: { request_delay: '0.12345678901234567890' } },
  { name: 'delay-trailing-zeros', row: { request_delay: '1.500' } },
  { name: 'created-null', row: { created_at: null } },
  { name: 'created-microseconds', row: { created_at: '2019-05-05 05:05:05.123456+09' } },
  { name: 'results-many', row: { status: 'scheduled', cron_expression: '0 2 * * *' }, results: 700 },
  { name: 'results-none', row: {}, results: 0 },
];

function selectors(): string {
  return JSON.stringify({
    first: 'article > h1:first-of-type',
    attribute: 'a[href^="/en/"], a[href$=".html" i]',
    not: 'p:not(.note):nth-child(2n+1)',
    has: 'div:has(> p.note)',
    escaped: '.a\\:b',
  });
}

export const specialResults: readonly SpecialResult[] = [
  { name: 'result-null-content', of: 'a job', row: { content: null } },
  { name: 'result-json-null', of: 'a job', row: { content: 'null' } },
  { name: 'result-list', of: 'a job', row: { content: '[1, "둘", {"a": 1.50}]' } },
  { name: 'result-100-kb', of: 'a job', row: { content: JSON.stringify({ body: '가'.repeat(33_000) }) } },
  { name: 'result-large-number', of: 'a job', row: { content: '{"n": 12345678901234567890.123456789}' } },
  { name: 'result-null-url', of: 'a job', row: { url: null } },
  { name: 'result-other-url', of: 'a job', row: { url: 'https://www.example.com/가?나=다#라' } },
  { name: 'result-null-time', of: 'a job', row: { crawled_at: null } },
  { name: 'result-twice-1', of: 'a job', row: { url: 'http://a.example/', content: '{"same": 1}' } },
  { name: 'result-twice-2', of: 'a job', row: { url: 'http://a.example/', content: '{"same": 1}' } },
  { name: 'result-of-no-job', of: 'none', row: {} },
  { name: 'result-of-no-job-infinite', of: 'none', row: { crawled_at: 'infinity' } },
  { name: 'result-infinite', of: 'a job', row: { crawled_at: '-infinity' } },
  { name: 'result-year-10000', of: 'a job', row: { crawled_at: '10000-01-01 00:00:00+00' } },
];
