import type { EndReason } from '../processes/limited-process.js';

export const endSentences: Readonly<Record<EndReason, string>> = {
  crashed: 'The process of the model has ended.',
  timed_out: 'The model did not answer in time; its process was ended.',
  memory_exceeded: 'The process of the model grew past its memory limit; it was ended.',
  closed: 'The model was taken out of memory.',
};

/**
 * Why a prediction has no result. `refused`: the model cannot compute these inputs, and serves on; `overdue`: it was not begun before its
 * deadline.
 */
export class RunFailure extends Error {
  constructor(
    readonly kind: 'refused' | 'overdue' | EndReason,
    message: string,
  ) {
    super(message);
    this.name = 'RunFailure';
  }
}
