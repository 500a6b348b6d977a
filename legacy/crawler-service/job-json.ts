import { writeIsoTime } from '../iso-time.js';
import { type JobRow, type ResultRow, rowsPerPage } from './rows.js';

/** What a job does now, besides its row. */
export interface JobView {
  readonly running: boolean;
  readonly nextRun: Date | null;
}

/** JSON of one job: its row, and what it does now. */
export function writeJob(row: JobRow, { running, nextRun }: JobView): string {
  const next = nextRun === null ? null : nextRun.toISOString().replace('Z', '000Z');
  return `${writeRow(row).slice(0, -1)},"running":${running},"next_run_at":${JSON.stringify(next)}}`;
}

export function writeJobPage(rows: readonly JobRow[]): string {
  return writePage(rows, writeRow);
}

export function writeResultPage(rows: readonly ResultRow[]): string {
  return writePage(rows, writeResult);
}

function writeRow(row: JobRow): string {
  return writeObject({
    id: row.id,
    name: JSON.stringify(row.name),
    urls: row.urls,
    cron_expression: JSON.stringify(row.cron_expression),
    css_selectors: String(row.css_selectors),
    content_filters: String(row.content_filters),
    rate_limit: String(row.rate_limit),
    request_delay: writeDecimal(row.request_delay),
    output_format: JSON.stringify(row.output_format),
    status: JSON.stringify(row.status),
    created_at: JSON.stringify(writeIsoTime(row.created_at)),
  });
}

function writeResult({ id, job_id, url, content, crawled_at }: ResultRow): string {
  return writeObject({
    id,
    job_id,
    url: JSON.stringify(url),
    content: String(content),
    crawled_at: JSON.stringify(writeIsoTime(crawled_at)),
  });
}

/** JSON has no NaN and no infinity. */
function writeDecimal(text: string | null): string {
  return text !== null && /^-?\d/.test(text) ? text : 'null';
}

/** Of values that are JSON already. */
function writeObject(values: Readonly<Record<string, string>>): string {
  return `{${Object.entries(values)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}`;
}

function writePage<Row extends { readonly id: string }>(rows: readonly Row[], write: (row: Row) => string): string {
  const items = rows.slice(0, rowsPerPage);
  const next = rows.length > rowsPerPage ? (items.at(-1)?.id ?? null) : null;
  return `{"items":[${items.map(write).join(',')}],"next_cursor":${JSON.stringify(next)}}`;
}
