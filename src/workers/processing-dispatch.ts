import { setTimeout as sleep } from 'node:timers/promises';
import { Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { reportFailure, toFailure } from '../base/failures.js';
import { type ProcessRequest, processWorkflowId } from '../domain/paperwork/processing-request.js';
import { describeProcessing } from '../domain/plan-descriptions.js';
import { taskQueues } from '../domain/task-queues.js';
import type { ProcessingOutbox } from '../paperwork/processing-outbox.js';
import type { Log } from './run-worker.js';

export interface DispatchOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly reach: ReachCrashPoint;
  readonly log: Log;
}

const pollMillis = 250;
const pauseAfterFailureMillis = 2000;
const perLook = 100;
const atOnce = 8;
const workflowType = 'documentProcessing';

/**
 * Starts the plan of each request that users made, until the returned function is called, which waits for what is under way. A request whose
 * file is processed already is joined to that; one that was started twice is one.
 */
export function keepDispatching(outbox: ProcessingOutbox, options: DispatchOptions): () => Promise<void> {
  const stop = new AbortController();
  const loop = dispatchUntil(stop.signal, outbox, options);
  return async () => {
    stop.abort();
    await loop;
  };
}

async function dispatchUntil(
  signal: AbortSignal,
  outbox: ProcessingOutbox,
  { connection, namespace, reach, log }: DispatchOptions,
): Promise<void> {
  const { workflow } = new Client({ connection, namespace });
  const pause = (millis: number) => sleep(millis, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    try {
      const requests = [...(await outbox.undispatched(perLook))];
      let started = 0;
      const startSome = async () => {
        for (let request = requests.shift(); request !== undefined; request = requests.shift()) {
          reach('before-processing-started');
          if (!(await start(request))) continue;
          reach('after-processing-started');
          await outbox.dispatched(request);
          started += 1;
        }
      };
      await Promise.all(Array.from({ length: atOnce }, startSome));
      if (started < perLook) await pause(pollMillis);
    } catch (error) {
      // What it needs is away: the requests stay where they are.
      log.warn(reportFailure(toFailure(error)), 'requests for documents could not be started');
      await pause(pauseAfterFailureMillis);
    }
  }

  /** Whether a plan of this request is there; not while that of the request before has not ended. */
  async function start(request: ProcessRequest): Promise<boolean> {
    const workflowId = processWorkflowId(request);
    try {
      await workflow.start(workflowType, {
        workflowId,
        taskQueue: taskQueues.documents,
        args: [request],
        memo: { request: request.request },
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        ...describeProcessing(request),
      });
      return true;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const { memo } = await workflow.getHandle(workflowId).describe();
      return memo?.request === request.request;
    }
  }
}
