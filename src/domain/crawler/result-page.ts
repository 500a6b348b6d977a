import { writeIsoTime } from '../iso-time.js';
import { crawlerPageSize } from './crawler-job.js';

/** A row of `crawler_results`; numbers of 64 bits as text, times as PostgreSQL writes them in UTC, JSON as the unchanged text. */
export interface CrawlerResult {
  readonly id: string;
  readonly job_id: string | null;
  readonly url: string | null;
  readonly content: string | null;
  readonly crawled_at: string | null;
}

/** The columns of a `CrawlerResult`, in SQL. */
export const crawlerResultColumns = 'id::text, job_id::text, url, content::text, crawled_at::text';

/** A page of results by id. */
export interface ResultPage {
  readonly items: readonly CrawlerResult[];
  readonly next: string | null;
}

/** From one row more than a page has where there are more. */
export function pageOfResults(rows: readonly CrawlerResult[]): ResultPage {
  const items = rows.slice(0, crawlerPageSize);
  return { items, next: rows.length > crawlerPageSize ? (items.at(-1)?.id ?? null) : null };
}

export function writeResultPage({ items, next }: ResultPage): string {
  return `{"items":[${items.map(writeCrawlerResult).join(',')}],"next_cursor":${JSON.stringify(next)}}`;
}

export function writeCrawlerResult({ id, job_id, url, content, crawled_at }: CrawlerResult): string {
  const crawled = JSON.stringify(writeIsoTime(crawled_at));
  return `{"id":${id},"job_id":${job_id},"url":${JSON.stringify(url)},"content":${content},"crawled_at":${crawled}}`;
}

/** How results are answered. */
export const resultFormats = ['json', 'jsonl', 'csv'] as const;
export type ResultFormat = (typeof resultFormats)[number];

/** The `format` of a query, `json` where there is none; undefined for one that is not known. */
export function readResultFormat(query: unknown): ResultFormat | undefined {
  const { format = 'json' }: { format?: unknown } = Object(query);
  return resultFormats.find((known) => known === format);
}
