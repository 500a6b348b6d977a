import type { RetryPolicy } from '@temporalio/common';
import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import { taskQueues } from '../../domain/task-queues.js';
import { nonRetryableFailureTypes } from '../../failures.js';

/** The few ways in which activities are tried, timed and cancelled; every plan picks from these. */

const retry: RetryPolicy = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '10 seconds',
  nonRetryableErrorTypes: [...nonRetryableFailureTypes],
};

/**
 * A statement or two. Without `startToCloseTimeout` a call lost with its worker would never be tried again; shorter than
 * the ten seconds a connection may take to be made, a silent database would never be named. Tried without end, since a
 * database that is away comes back and nobody is helped by giving up before.
 */
export const shortSteps: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '15 seconds',
  retry,
};

/** What a plan cannot go on without: where it stands must reach the ledger, however long a person takes to mend it. */
export const untilDone: ActivityOptions = { ...shortSteps, retry: { ...retry, nonRetryableErrorTypes: [] } };

/**
 * Streams of rows. `heartbeatTimeout` is how long a killed worker goes unnoticed. A cancelled step is waited for: it
 * commits what it has, and nothing else may start before it has let go.
 */
export const longSteps: ActivityOptions = {
  taskQueue: taskQueues.bulk,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry,
};

/** Undoing: as long steps, but given up after a day, so that what could not be undone is told. */
export const undoSteps: ActivityOptions = {
  ...longSteps,
  scheduleToCloseTimeout: '1 day',
  retry: { ...retry, maximumInterval: '1 minute' },
};
