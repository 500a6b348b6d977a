import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { kindAttribute, stageAttribute, statusAttribute } from './messages.js';

/**
 * The state of a plan as the Temporal Web UI and `temporal workflow list` show it: three search attributes and a text. An
 * emergency rollback sets no attributes: it must not depend on a server that has lost them, and its type finds it.
 */
export class PlanStatus {
  private last = '';

  /** `kind` is a migration's kind, or `ramp` or `deployment`. */
  constructor(private readonly kind: string) {}

  /** An attribute that stays the same costs no event of the history. */
  show(stage: string, status: string, paragraphs: readonly string[]): void {
    setCurrentDetails(paragraphs.join('\n\n'));
    const now = JSON.stringify([stage, status]);
    if (now === this.last) return;
    this.last = now;
    upsertSearchAttributes([
      { key: kindAttribute, value: this.kind },
      { key: stageAttribute, value: stage },
      { key: statusAttribute, value: status },
    ]);
  }
}
