import { Context } from '@temporalio/activity';
import type pg from 'pg';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { Failure } from '../base/failures.js';
import { commitBatch } from '../crawler/batch-commit.js';
import { readExtractionRules } from '../crawler/extracting/extraction-rules.js';
import type { ExtractionThreads } from '../crawler/extracting/extraction-threads.js';
import { type BatchDependencies, batchUrls, fetchBatch } from '../crawler/fetch-batch.js';
import { JobLease, type LeaseSettings, leaseSettings } from '../crawler/job-lease.js';
import { findValidators } from '../crawler/page-validators.js';
import type { ResultIds } from '../crawler/result-ids.js';
import { type BegunRun, createRunRecords, type EndedRun, type OpenRun } from '../crawler/run-records.js';
import type { CrawlRun, RunProgress } from '../domain/crawler/run.js';
import { guarded } from './guard.js';

export interface CrawlDependencies extends Pick<BatchDependencies, 'fetcher'> {
  readonly cube: pg.Pool;
  readonly ids: ResultIds;
  readonly threads: Pick<ExtractionThreads, 'extract'>;
  /** Who this process is. */
  readonly worker: string;
  readonly reach: ReachCrashPoint;
  readonly lease?: LeaseSettings;
}

/** A step that fetches has ended: the run goes on with another one, or is over. */
export type FetchStep =
  | ({ readonly state: 'open'; readonly waitsFor: 'rate' | 'result_ids' | null } & RunProgress)
  | EndedRun;

/** After so long a step begins no other batch: Temporal's pages show how far the run is. */
const stepMillis = 20_000;
/** So that a killed worker is noticed; waiting for a lease or a host has limits of its own. */
const beatEveryMillis = 1000;

/** The steps of a job's run. Each takes the job's lease, so that no two processes fetch for one job. */
export function createCrawlSteps(dependencies: CrawlDependencies) {
  const { cube, worker, reach, lease: settings = leaseSettings } = dependencies;
  const records = createRunRecords(cube);

  const withLease = <T>(jobId: string, work: (lease: JobLease, signal: AbortSignal) => Promise<T>): Promise<T> =>
    guarded(async () => {
      const context = Context.current();
      const { cancellationSignal: signal } = context;
      const beat = setInterval(() => context.heartbeat(), beatEveryMillis);
      try {
        const lease = await JobLease.take(cube, jobId, worker, signal, settings);
        try {
          return await work(lease, signal);
        } finally {
          await lease.release();
        }
      } finally {
        clearInterval(beat);
      }
    });

  return {
    /** Begins the run that was due at this time, ISO 8601, unless its job does not run any more. */
    beginRun: (run: CrawlRun, dueAt: string): Promise<BegunRun> =>
      withLease(run.jobId, async (lease) => {
        reach('before-run-begun');
        const begun = await records.begin(run, new Date(dueAt), lease);
        reach('after-run-begun');
        return begun;
      }),

    /** Fetches batches of the run's URLs for a while, and ends the run behind the last one, or where the job does not go on. */
    fetchUrls: (run: CrawlRun): Promise<FetchStep> =>
      withLease(run.jobId, async (lease, signal) => {
        const found = await records.find(run);
        if (found === undefined) return records.end(run, lease);
        const read = readExtractionRules(found.selectors, found.filters);
        // Its pages would be fetched in vain.
        if (read.outcome !== 'read') return records.end(run, lease, 'failed');
        const batches = {
          fetcher: dependencies.fetcher,
          extract: (html: string) => dependencies.threads.extract(html, read.rules, signal),
          mayBegin: () => lease.isHeld(),
          validators: await findValidators(cube, run),
        };
        const ids: string[] = [];
        const end = performance.now() + stepMillis;
        for (let open: OpenRun = found; ; ) {
          if (open.fetched === open.urls || !(await records.goesOn(run))) {
            reach('before-run-ended');
            return records.end(run, lease);
          }
          if (performance.now() >= end) return stepOf(open, null);
          if (ids.length < batchUrls) {
            const given = await dependencies.ids.give(batchUrls - ids.length);
            if (given === undefined) return stepOf(open, 'result_ids');
            ids.push(...given);
          }
          const batch = await fetchBatch(run, open, ids, batches, signal);
          if (!lease.isHeld() && batch.fetched === 0)
            throw new Failure('claim_lost', `The lease of job ${run.jobId} is over.`);
          if (batch.fetched === 0) return stepOf(open, 'rate');
          reach('before-batch-commit');
          open = await commitBatch(cube, run, open, batch, lease);
          reach('after-batch-commit');
          if (batch.postponed.length > 0) return stepOf(open, 'rate');
        }
      }),

    /** Ends a run that does not go on, however far it is. */
    endRun: (run: CrawlRun): Promise<EndedRun> => withLease(run.jobId, (lease) => records.end(run, lease)),
  };
}

export type CrawlSteps = ReturnType<typeof createCrawlSteps>;

function stepOf({ fetched, failed, urls }: OpenRun, waitsFor: 'rate' | 'result_ids' | null): FetchStep {
  return { state: 'open', waitsFor, fetched, failed, urls };
}
