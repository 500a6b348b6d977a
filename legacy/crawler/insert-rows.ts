import type pg from 'pg';
import type { CrawlerRows } from './generate.js';

const batch = 500;

/** Puts the rows into the empty tables. Their sequences run ahead, as those of real tables do. */
export async function insertCrawler(
  client: Pick<pg.Client, 'query'>,
  { jobs, results }: Pick<CrawlerRows, 'jobs' | 'results'>,
): Promise<void> {
  for (let at = 0; at < jobs.length; at += batch)
    await client.query(
      `insert into crawler_jobs (id, name, urls, cron_expression, css_selectors, content_filters, rate_limit, request_delay, output_format, status, created_at)
       select id, name, array(select value from json_array_elements_text(urls) with ordinality as url (value, place) order by place), cron_expression, css_selectors::jsonb,
              content_filters::jsonb, rate_limit, request_delay, output_format, status, created_at
         from json_to_recordset($1) as job (id bigint, name text, urls json, cron_expression text, css_selectors text, content_filters text,
                                            rate_limit int, request_delay numeric, output_format text, status text, created_at timestamptz)`,
      [JSON.stringify(jobs.slice(at, at + batch))],
    );
  for (let at = 0; at < results.length; at += batch)
    await client.query(
      `insert into crawler_results (id, job_id, url, content, crawled_at)
       select id, job_id, url, content::jsonb, crawled_at
         from json_to_recordset($1) as result (id bigint, job_id bigint, url text, content text, crawled_at timestamptz)`,
      [JSON.stringify(results.slice(at, at + batch))],
    );
  await client.query(`select setval('crawler_jobs_id_seq', (select max(id) + 50 from crawler_jobs)),
    setval('crawler_results_id_seq', (select max(id) + 50 from crawler_results))`);
}
