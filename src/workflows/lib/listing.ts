import { upsertSearchAttributes } from '@temporalio/workflow';
import { kindAttribute, stageAttribute, statusAttribute } from './messages.js';

/**
 * Where a ramp or a deployment stands, as the Web UI and `temporal workflow list` filter it: by the attributes of migrations.
 * An emergency rollback has none: it must get on also where a server has lost them, and its own type finds it.
 */
export class Listing {
  private last = '';

  constructor(private readonly kind: 'ramp' | 'deployment') {}

  /** Costs an event of the history only when something is otherwise than before. */
  show(stage: string, status: string): void {
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
