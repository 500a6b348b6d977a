import {
  ActivityFailure,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { DocumentSteps, Waits } from '../../activities/document-steps.js';
import type { ProcessFailureReason } from '../../domain/paperwork/process-failure.js';
import type { ProcessWaitReason } from '../../domain/paperwork/process-waiting.js';
import type { ProcessRequest } from '../../domain/paperwork/processing-request.js';
import { isHistoryLong } from '../lib/history.js';
import { processingDetails } from '../lib/processing-details.js';
import { profiles } from '../lib/retry-profiles.js';

const { readDocument } = proxyActivities<Pick<DocumentSteps, 'readDocument'>>(profiles.documentReading);
const { recordResult } = proxyActivities<Pick<DocumentSteps, 'recordResult'>>(profiles.documentRecord);
const { recordFailure } = proxyActivities<Pick<DocumentSteps, 'recordFailure'>>(profiles.documentEnding);

/** `forgotten`: the request was replaced, or its file deleted, before it had ended. */
export type ProcessEnd =
  | { readonly state: 'done' | 'forgotten' }
  | { readonly state: 'failed'; readonly reason: ProcessFailureReason };

/**
 * Processes one document in one way: reads it page by page, some pages a step, then writes the result. What was read stays in the cube
 * database; a document that cannot be read fails alone, with a reason, and what it needs and is away is waited for, for a day.
 */
export async function documentProcessing(request: ProcessRequest): Promise<ProcessEnd> {
  try {
    for (;;) {
      const read = await served((isWaiting) => readDocument(request, isWaiting));
      if (read.kind !== 'read') return await ended(request, read);
      show(read);
      if (read.page < read.pages) {
        if (isHistoryLong()) await continueAsNew(request);
        continue;
      }
      const recorded = await served((isWaiting) => recordResult(request, isWaiting));
      if (recorded.kind !== 'read_again') return await ended(request, recorded);
    }
  } catch (error) {
    // Stopped from outside it is started again, as one that was lost.
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return await ended(request, { kind: 'failed', reason: 'gave_up' });
  }
}

/** A step that finds a service away says so, and is then tried until that is back, or for a day. */
async function served<T extends { readonly kind: string }>(
  step: (isWaiting: boolean) => Promise<T | Waits>,
): Promise<Exclude<T, Waits>> {
  const first = await step(false);
  if (!isWaits(first)) return first as Exclude<T, Waits>;
  show(first.reason);
  return (await step(true)) as Exclude<T, Waits>;
}

function isWaits(outcome: { readonly kind: string }): outcome is Waits {
  return outcome.kind === 'waits';
}

async function ended(
  request: ProcessRequest,
  end: { readonly kind: 'done' | 'forgotten' } | { readonly kind: 'failed'; readonly reason: ProcessFailureReason },
): Promise<ProcessEnd> {
  const state: ProcessEnd = end.kind === 'failed' ? { state: end.kind, reason: end.reason } : { state: end.kind };
  if (end.kind === 'failed') await recordFailure(request, end.reason);
  setCurrentDetails(processingDetails(state));
  return state;
}

function show(state: ProcessWaitReason | { readonly page: number; readonly pages: number }): void {
  setCurrentDetails(
    processingDetails(typeof state === 'string' ? { state: 'waiting', reason: state } : { state: 'running', ...state }),
  );
}
