import { allHandlersFinished, condition, workflowInfo } from '@temporalio/workflow';

/** Events after which a plan begins a new history, well below the server's own suggestion. */
const maxEvents = 1500;

export interface HistoryRenewal {
  /** Whether something is under way that a new history would cut off. */
  readonly isBusy: () => boolean;
  /** Called before the new history, once all handlers have finished. */
  readonly settle: () => Promise<void>;
  /** Begins the new history with the state of the run. */
  readonly continueRun: () => Promise<never>;
}

/** Begins a new history where this one has grown long and the run is not busy. */
export async function renewHistory({ isBusy, settle, continueRun }: HistoryRenewal): Promise<void> {
  if (!isHistoryLong() || isBusy()) return;
  await condition(allHandlersFinished);
  await settle();
  if (isBusy()) return;
  await continueRun();
}

/** Whether a plan had better begin a new history. */
export function isHistoryLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength >= maxEvents;
}
