import { proxyActivities } from '@temporalio/workflow';
import type { OutsideRequests } from '../activities/outside-requests.js';
import type { ReceivedRequest } from '../domain/plan-requests.js';
import { untilDone } from './lib/options.js';

const steps = proxyActivities<OutsideRequests>(untilDone);

/** Tells what reached a plan past the control API, when that plan has ended before it could be told. */
export async function outsideRequest(received: ReceivedRequest): Promise<void> {
  await steps.recordOutsideRequest(received);
}
