import {
  ActivityFailure,
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { CrawlSteps } from '../../activities/crawl-steps.js';
import type { CrawlRun, CrawlRunInput, RunOutcome } from '../../domain/crawler/run.js';
import { crawlDetails } from '../lib/crawl-details.js';
import { isHistoryLong } from '../lib/history.js';
import { profiles } from '../lib/retry-profiles.js';

const { beginRun } = proxyActivities<Pick<CrawlSteps, 'beginRun'>>(profiles.crawlBeginning);
const { fetchUrls } = proxyActivities<Pick<CrawlSteps, 'fetchUrls'>>(profiles.crawlFetching);
const { endRun } = proxyActivities<Pick<CrawlSteps, 'endRun'>>(profiles.crawlEnding);

/** `not_due`: the job was paused, given to another side or removed before its run began. */
export interface CrawlEnd {
  readonly outcome: RunOutcome | 'not_due';
}

/** How long a run waits before it looks again whether there are ids for its results. */
const waitForIds = '5 seconds';

/**
 * One run of a job: fetches each of its URLs once, some batches a step, and commits the results of each batch together with how far the run is.
 * A pause stops it within a batch.
 */
export async function crawlRun({ jobId }: CrawlRunInput): Promise<CrawlEnd> {
  const run: CrawlRun = { jobId, runId: workflowInfo().firstExecutionRunId };
  try {
    return await crawled(run);
  } catch (error) {
    // Cancelled from outside, or a failure that only a person mends: the job's next run begins anew.
    if (!isCancellation(error) && !(error instanceof ActivityFailure)) throw error;
    return await CancellationScope.nonCancellable(async () => ended(await endRun(run)));
  }
}

async function crawled(run: CrawlRun): Promise<CrawlEnd> {
  const begun = await beginRun(run, dueTime());
  if (begun.state === 'not_due') return ended({ outcome: 'not_due' });
  if (begun.state === 'ended') return ended(begun);
  for (;;) {
    const step = await fetchUrls(run);
    setCurrentDetails(crawlDetails(step));
    if (step.state === 'ended') return ended(step);
    if (step.waitsFor === 'result_ids') await sleep(waitForIds);
    if (isHistoryLong()) await continueAsNew<typeof crawlRun>({ jobId: run.jobId });
  }
}

/** When the schedule started the plan, or would have, had the server been there. */
function dueTime(): string {
  const { searchAttributes, runStartTime } = workflowInfo();
  const [scheduled] = searchAttributes.TemporalScheduledStartTime ?? [];
  return (scheduled instanceof Date ? scheduled : runStartTime).toISOString();
}

function ended({ outcome }: CrawlEnd): CrawlEnd {
  setCurrentDetails(crawlDetails({ state: 'ended', outcome }));
  return { outcome };
}
