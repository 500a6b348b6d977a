import type { WorkflowHandle } from '@temporalio/client';
import { viewMemo } from '../../src/domain/plan-view.js';
import { until } from '../support/conditions.js';

/** What a plan published last, as the control API reads it; waits until there is something. */
export async function publishedView<View>(handle: Pick<WorkflowHandle, 'describe'>): Promise<View> {
  const view = await until('a first view', async () => (await handle.describe()).memo?.[viewMemo]);
  return view as View;
}
