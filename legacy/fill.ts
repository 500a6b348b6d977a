import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { legacyModels } from './ai-models/manifest.js';
import { connectionSettings } from './connection.js';
import type { CrawlerRows } from './crawler/generate.js';
import { insertCrawler } from './crawler/insert-rows.js';
import { generateSajuRows } from './generator.js';
import type { Paperwork } from './paperwork/generate.js';
import { insertPaperwork } from './paperwork/insert-rows.js';
import { type SajuRow, sajuColumns } from './saju-row.js';

export interface FillSettings {
  readonly url: string;
  readonly records: number;
  readonly seed: number;
  /** Whether the stand-in's real AI models are put on record, whose files `layOutModels` lays out. */
  readonly models?: boolean;
  /** Rows of files that `layOutPaperwork` lays out; without them there is one, of a file that is not there. */
  readonly paperwork?: Paperwork | undefined;
  /** Jobs that crawl the stand-in's site; without them there is one. */
  readonly crawler?: CrawlerRows | undefined;
  readonly log: (text: string) => void;
}

export interface Filled {
  readonly records: number;
  /** What a migration must reject, and why, by id. */
  readonly rejected: ReadonlyMap<string, string>;
}

/**
 * Makes the monolith's tables and fills saju_records, all in one transaction: stopped half-way, nothing is there.
 * Throws when the tables exist already.
 */
export async function fillLegacy({
  url,
  records,
  seed,
  models = false,
  paperwork,
  crawler,
  log,
}: FillSettings): Promise<Filled> {
  const client = new pg.Client(connectionSettings(url, 'legacy stand-in'));
  await client.connect();
  const rejected = new Map<string, string>();
  try {
    await client.query('begin');
    // A second filler waits here, then stops at the tables it finds.
    await client.query("select pg_advisory_xact_lock(hashtextextended('legacy stand-in', 0))");
    await client.query(readFileSync(schemaFile(), 'utf8'));
    await copyRows(client, records, seed, rejected, log);
    await client.query('create index saju_records_user on saju_records (user_id)');
    // Sequences run ahead of max(id) in real tables: the ids of failed inserts are lost.
    await client.query("select setval('saju_records_id_seq', (select coalesce(max(id), 0) + 1000 from saju_records))");
    await client.query(otherAssets);
    if (models) await insertModels(client);
    if (paperwork === undefined) await client.query(onePaper);
    else await insertPaperwork(client, paperwork);
    if (crawler === undefined) await client.query(oneJob);
    else await insertCrawler(client, crawler);
    await client.query('commit');
    await client.query('vacuum analyze saju_records');
  } finally {
    await client.end();
  }
  return { records, rejected };
}

/** Whether the monolith's tables are there. */
export async function isFilled(url: string): Promise<boolean> {
  const client = new pg.Client(connectionSettings(url, 'legacy stand-in'));
  await client.connect();
  try {
    const found = await client.query("select to_regclass('public.saju_records') is not null as filled");
    return found.rows[0]?.filled === true;
  } finally {
    await client.end();
  }
}

async function copyRows(
  client: pg.Client,
  records: number,
  seed: number,
  rejected: Map<string, string>,
  log: FillSettings['log'],
): Promise<void> {
  const stream = client.query(copyFrom(`copy saju_records (${sajuColumns.join(', ')}) from stdin`));
  const failed = new Promise<never>((_, reject) => stream.on('error', reject));
  failed.catch(() => undefined);
  let lines: string[] = [];
  let written = 0;
  for (const { row, expected } of generateSajuRows({ records, seed })) {
    if (expected.kind === 'rejected') rejected.set(row.id.toString(), expected.reason);
    lines.push(copyLine(row));
    written++;
    if (lines.length === 500) {
      if (!stream.write(lines.join(''))) await Promise.race([once(stream, 'drain'), failed]);
      lines = [];
    }
    if (written % 250_000 === 0) log(`legacy stand-in: ${written} of ${records} saju records`);
  }
  const finished = once(stream, 'finish');
  stream.end(lines.join(''));
  await Promise.race([finished, failed]);
}

function copyLine(row: SajuRow): string {
  return `${sajuColumns.map((column) => copyField(row[column])).join('\t')}\n`;
}

function copyField(value: string | number | bigint | boolean | null): string {
  if (value === null) return '\\N';
  if (typeof value !== 'string') return String(value);
  return value.replace(/[\\\n\r\t]/g, (character) => escapes[character] ?? character);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A few rows of everything else, so that the schema is alive. */
const otherAssets = `
  insert into users select 'user-' || n, timestamptz '2015-01-01' + n * interval '1 hour' from generate_series(1, 100) n;
  insert into user_events select 'user-' || n, 'login', 'session-' || n, timestamptz '2025-01-01' + n * interval '1 minute' from generate_series(1, 100) n;`;

const oneJob = `
  insert into crawler_jobs (name, urls, cron_expression, css_selectors, content_filters, rate_limit, request_delay, output_format, status, created_at)
    values ('horoscopes', '{http://127.0.0.1/a}', '0 3 * * *', '{"title": "h1"}', '[]', 30, 2, 'json', 'active', now());
  insert into crawler_results (job_id, url, content, crawled_at) values (1, 'http://127.0.0.1/a', '{}', now());`;

const onePaper = `
  insert into paperwork_files (path, size, mime_type, metadata, created_at) values ('2020/a.pdf', 1024, 'application/pdf', '{}', now());
  insert into paperwork_results (file_id, kind, result, created_at) values (1, 'text', '{"text": ""}', now());`;

async function insertModels(client: pg.Client): Promise<void> {
  const rows = legacyModels().map(({ row }) => row);
  await client.query(
    `insert into ai_models (id, name, version, framework, artifact_path, sha256, input_schema, metrics, created_at)
     select id, name, version, framework, artifact_path, sha256, input_schema, nullif(metrics, 'null'::jsonb), created_at
       from jsonb_to_recordset($1::jsonb) as model (id int, name text, version text, framework text, artifact_path text, sha256 text,
                                                   input_schema jsonb, metrics jsonb, created_at timestamptz)`,
    [JSON.stringify(rows)],
  );
  await client.query("select setval('ai_models_id_seq', (select max(id) + 10 from ai_models))");
}

/** The schema is next to the sources, in some folder above a compiled program. */
function schemaFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'legacy', 'schema.sql'))) folder = dirname(folder);
  return join(folder, 'legacy', 'schema.sql');
}
