import { proxyActivities } from '@temporalio/workflow';
import type { OutsideRequests } from '../activities/outside-requests.js';
import type { ReceivedRequest } from '../domain/plan-requests.js';
import { profiles } from './lib/retry-profiles.js';

const steps = proxyActivities<OutsideRequests>(profiles.ledgerWrite);

/** Records a request that reached a plan past the control API, where that plan ended before it could record it. */
export async function outsideRequest(received: ReceivedRequest): Promise<void> {
  await steps.recordOutsideRequest(received);
}
