import type pg from 'pg';
import { Failure } from '../base/failures.js';
import type { CrawlRun } from '../domain/crawler/run.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import type { PageValidators } from './fetching/requests.js';
import type { JobLease } from './job-lease.js';
import type { OpenRun } from './run-records.js';

/** One answer 200 whose page passed the filters of the job. */
export interface CrawlResult {
  readonly id: string;
  readonly url: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly crawledAt: Date;
}

/** What the page said that a URL led to, for the next run. */
export interface FoundValidators {
  readonly url: string;
  readonly validators: PageValidators;
}

/** What one batch of a run came to. */
export interface BatchOutcome {
  readonly results: readonly CrawlResult[];
  readonly validators: readonly FoundValidators[];
  readonly totals: readonly HostTotal[];
  /** URLs that were answered, or given up. */
  readonly fetched: number;
  readonly failed: number;
  readonly taken: number;
  readonly postponed: readonly number[];
}

export interface HostTotal {
  readonly host: string;
  readonly measure: string;
  readonly value: number;
}

/** The run is as it was read, and its job is still the cube's: what was rolled back gets no results any more. */
const advanceText = `update crawler.open_runs as open
     set taken = $3, postponed = $4, fetched = open.fetched + $5, failed = open.failed + $6, touched_at = now()
   where run_id = $1 and open.fetched = $2
     and exists (select from crawler.jobs as job join crawler.runs as run using (epoch)
                  where run.run_id = $1 and job.id = open.job_id and job.runner = 'cube')`;
const lockJobText = 'select from crawler.jobs where id = $1 for share';
const resultsText = `insert into crawler.results (id, job_id, url, content, crawled_at, run_id)
  select id, $1, url, content, crawled_at, $2
    from unnest($3::bigint[], $4::text[], $5::jsonb[], $6::timestamptz[]) as page (id, url, content, crawled_at)`;
const validatorsText = `insert into crawler.validators (job_id, url_hash, rules_hash, page_url, etag, last_modified)
  select $1, md5(url), md5(coalesce(open.extraction_rules::text, '')), page_url, etag, last_modified
    from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as page (url, page_url, etag, last_modified), crawler.open_runs as open
   where open.run_id = $2
  on conflict (job_id, url_hash) do update
    set rules_hash = excluded.rules_hash, page_url = excluded.page_url, etag = excluded.etag, last_modified = excluded.last_modified`;
const totalsText = `insert into crawler.totals as total (job_id, host, measure, value)
  select $1, host, measure, sum(value) from unnest($2::text[], $3::text[], $4::float8[]) as more (host, measure, value) group by host, measure
  on conflict (job_id, host, measure) do update set value = total.value + excluded.value`;

/**
 * Commits the results of a batch and that its URLs are done, together. Throws `claim_lost` where another worker has the job, or the run has
 * gone on or ended without this one, and the failures of the cube database.
 */
export async function commitBatch(
  cube: pg.Pool,
  { jobId, runId }: CrawlRun,
  open: OpenRun,
  batch: BatchOutcome,
  lease: JobLease,
): Promise<OpenRun> {
  const { results, validators, totals, taken, postponed, fetched, failed } = batch;
  await atSide('cube', () =>
    inTransaction(cube, async (client) => {
      await lease.confirm(client);
      await client.query(lockJobText, [jobId]);
      const advanced = await client.query(advanceText, [runId, open.fetched, taken, postponed, fetched, failed]);
      if (advanced.rowCount === 0) throw new Failure('claim_lost', `The run of job ${jobId} has ended elsewhere.`);
      if (results.length > 0)
        await client.query(resultsText, [
          jobId,
          runId,
          results.map(({ id }) => id),
          results.map(({ url }) => url),
          results.map(({ content }) => JSON.stringify(content)),
          results.map(({ crawledAt }) => crawledAt.toISOString()),
        ]);
      if (validators.length > 0)
        await client.query(validatorsText, [
          jobId,
          runId,
          validators.map(({ url }) => url),
          validators.map(({ url, validators: said }) => said.url ?? url),
          validators.map(({ validators: said }) => said.etag ?? null),
          validators.map(({ validators: said }) => said.lastModified ?? null),
        ]);
      if (totals.length > 0)
        await client.query(totalsText, [
          jobId,
          totals.map(({ host }) => host),
          totals.map(({ measure }) => measure),
          totals.map(({ value }) => value),
        ]);
    }),
  );
  return { ...open, taken, postponed, fetched: open.fetched + fetched, failed: open.failed + failed };
}
