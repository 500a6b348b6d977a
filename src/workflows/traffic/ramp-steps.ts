import { proxyActivities } from '@temporalio/workflow';
import type { TrafficReads, WeightSteps } from '../../activities/traffic.js';
import { profiles } from '../lib/retry-profiles.js';

/** What a ramp looks at. */
export const reads = proxyActivities<TrafficReads>(profiles.probe);
/** What a ramp changes, and puts on record. */
export const weights = proxyActivities<WeightSteps>(profiles.trafficWrite);
