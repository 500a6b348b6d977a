import { stringify } from 'csv-stringify/sync';
import {
  type ResultFormat,
  type ResultPage,
  writeCrawlerResult,
  writeResultPage,
} from '../../domain/crawler/result-page.js';
import { writeIsoTime } from '../../domain/iso-time.js';

export const mediaTypes: Readonly<Record<ResultFormat, string>> = {
  json: 'application/json; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
};

/** A page of results: JSON with the cursor of the next one, a line of JSON a result, or a row a result with the content as JSON. */
export function writeResults(format: ResultFormat, page: ResultPage): string {
  switch (format) {
    case 'json':
      return writeResultPage(page);
    case 'jsonl':
      return page.items.map((item) => `${writeCrawlerResult(item)}\n`).join('');
    case 'csv':
      return stringify(
        page.items.map(({ id, job_id, url, content, crawled_at }) => [
          id,
          job_id,
          url,
          content,
          writeIsoTime(crawled_at),
        ]),
        { header: true, columns: ['id', 'job_id', 'url', 'content', 'crawled_at'], record_delimiter: 'windows' },
      );
  }
}
