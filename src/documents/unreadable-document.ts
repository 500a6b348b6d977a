import { type ProcessFailureReason, processFailureSentences } from '../domain/paperwork/process-failure.js';
import type { EndReason } from '../processes/limited-process.js';

/** The reasons that reading itself finds. */
export type UnreadableReason = Exclude<
  ProcessFailureReason,
  | 'content_missing'
  | 'content_changed'
  | 'file_deleted'
  | 'model_missing'
  | 'model_refused'
  | 'text_missing'
  | 'gave_up'
>;

/** Of a reason for which a process ended, the reason of the document that it was reading. */
export const reasonOfEnd: Readonly<Record<Exclude<EndReason, 'closed'>, UnreadableReason>> = {
  crashed: 'crashed',
  timed_out: 'time_exceeded',
  memory_exceeded: 'memory_exceeded',
};

/** A document, or a page of it, that cannot be read. Its message is the sentence of the reason and has nothing of the document. */
export class UnreadableDocument extends Error {
  constructor(
    readonly reason: UnreadableReason,
    /** Whether the process that read it ended: another attempt, in a new one, may then have another result. */
    readonly endedProcess = false,
  ) {
    super(processFailureSentences[reason]);
    this.name = 'UnreadableDocument';
  }
}

/** A document that was closed, or whose pool was, while it was read or waited: nothing is known of it. */
export class ReadingStopped extends Error {
  constructor() {
    super('Reading the document was stopped.');
    this.name = 'ReadingStopped';
  }
}
