import { proxyActivities } from '@temporalio/workflow';
import type { OutsideRequests } from '../activities/outside-requests.js';
import type { ReceivedRequest } from '../domain/plan-requests.js';
import { profiles } from './lib/options.js';

const steps = proxyActivities<OutsideRequests>(profiles.ledgerWrite);

/** Tells what reached a plan past the control API, when that plan has ended before it could be told. */
export async function outsideRequest(received: ReceivedRequest): Promise<void> {
  await steps.recordOutsideRequest(received);
}
