import { upsertMemo } from '@temporalio/workflow';
import { viewMemo } from '../../domain/plan-view.js';

/** The view of a plan as the control API reads it while the plan runs, and after its end. */
export class PublishedView<View extends object> {
  private last = '';

  /** A view that stays the same costs no event of the history. */
  publish(view: View): void {
    const now = JSON.stringify(view);
    if (now === this.last) return;
    this.last = now;
    upsertMemo({ [viewMemo]: view });
  }
}
