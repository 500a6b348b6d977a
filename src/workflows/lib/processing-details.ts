import { type ProcessFailureReason, processFailureSentences } from '../../domain/paperwork/process-failure.js';
import { type ProcessWaitReason, processWaitSentences } from '../../domain/paperwork/process-waiting.js';

/** How far a document is, in Temporal's pages. */
export type ProcessingProgress =
  | { readonly state: 'running'; readonly page: number; readonly pages: number }
  | { readonly state: 'waiting'; readonly reason: ProcessWaitReason }
  | { readonly state: 'failed'; readonly reason: ProcessFailureReason }
  | { readonly state: 'done' | 'forgotten' };

/** As Markdown. */
export function processingDetails(progress: ProcessingProgress): string {
  switch (progress.state) {
    case 'running':
      return `**running**: page ${progress.page} of ${progress.pages}.`;
    case 'waiting':
      return `**waiting**, \`${progress.reason}\`: ${processWaitSentences[progress.reason]} It goes on by itself.`;
    case 'failed':
      return `**failed**, \`${progress.reason}\`: ${processFailureSentences[progress.reason]}`;
    case 'done':
      return '**done**: the result is written.';
    case 'forgotten':
      return '**forgotten**: the file was deleted, or its processing requested anew.';
  }
}
