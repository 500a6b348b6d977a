import { hostname } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { Failure, toFailure } from '../base/failures.js';
import { packageRoot } from '../base/package-root.js';
import type { TemporalTarget } from '../config/temporal-address.js';

/** Plans are bundled when the package is built: a worker starts in a second and runs just what was tested. */
export const workflowBundlePath = join(packageRoot(), 'dist', 'workflow-bundle.js');

/** Who this process is, in the ledger and in Temporal. */
export function workerIdentity(): string {
  return `${hostname()}/${process.pid}`;
}

/**
 * Connects to Temporal; throws `temporal_unreachable` when it cannot. Messages are small, and their number is what costs:
 * packing each of them takes more processor time, on both sides, than it saves a network.
 */
export async function connectTemporal(target: TemporalTarget): Promise<NativeConnection> {
  return NativeConnection.connect({ ...target, grpcCompression: { codec: 'none' } }).catch((error: unknown) => {
    throw new Failure('temporal_unreachable', `The Temporal server at ${target.address} cannot be reached.`, {
      cause: error,
    });
  });
}

/**
 * What every worker has: heartbeats are sent twice a second at most, so that a pause reaches a lane within its two
 * seconds; on shutdown long steps get time to commit and hand over. It waits for tasks by few calls at a time: a plan has
 * a task now and then, and each open call costs the server.
 */
export async function createWorker(options: WorkerOptions & { connection: NativeConnection }): Promise<Worker> {
  return Worker.create({
    identity: workerIdentity(),
    maxHeartbeatThrottleInterval: '500 milliseconds',
    shutdownGraceTime: '5 seconds',
    workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 4 },
    nonStickyToStickyPollRatio: 0.5,
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 4 },
    ...options,
  }).catch((error: unknown) => {
    throw toFailure(error);
  });
}
