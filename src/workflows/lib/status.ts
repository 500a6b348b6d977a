import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { PlanDescription } from '../../domain/plan-descriptions.js';
import { cubeAttribute, kindAttribute, stageAttribute, statusAttribute } from './messages.js';

/**
 * The state of a plan as the Temporal Web UI and `temporal workflow list` show it: four search attributes and a text in Markdown. An
 * emergency rollback sets no attributes: it must not depend on a server that has lost them, and its type finds it.
 */
export class PlanStatus {
  private last = '';

  /** `kind` is a migration's kind, or `ramp` or `deployment`. */
  constructor(
    private readonly kind: string,
    private readonly cubeId: string,
    private readonly description: PlanDescription,
  ) {}

  /** An attribute that stays the same costs no event of the history. */
  show(stage: string, status: string, text: string): void {
    setCurrentDetails(workflowInfo().continuedFromExecutionRunId === undefined ? text : `${text}\n\n${this.lost}`);
    const now = JSON.stringify([stage, status]);
    if (now === this.last) return;
    this.last = now;
    upsertSearchAttributes([
      { key: kindAttribute, value: this.kind },
      { key: cubeAttribute, value: this.cubeId },
      { key: stageAttribute, value: stage },
      { key: statusAttribute, value: status },
    ]);
  }

  /** What the start of the run said: the server gives it to the first execution alone. */
  private get lost(): string {
    return `${this.description.staticSummary}\n${this.description.staticDetails}`;
  }
}
