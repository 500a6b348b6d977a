import type { RetryPolicy } from '@temporalio/common';
import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import { nonRetryableFailureTypes } from '../../base/failures.js';
import { taskQueues } from '../../domain/task-queues.js';

/** The few ways in which activities are tried, timed and cancelled; every plan picks from these. */

const retry: RetryPolicy = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '10 seconds',
  nonRetryableErrorTypes: [...nonRetryableFailureTypes],
};

/** Of steps of runs: how long what a database server says of itself is tried again is decided where it is heard. */
const stepRetry: RetryPolicy = { ...retry, nonRetryableErrorTypes: [] };

/**
 * A statement or two. Without `startToCloseTimeout` a call lost with its worker would never be tried again; shorter than
 * the ten seconds a connection may take to be made, a silent database would never be named. Tried without end, since a
 * database that is away comes back and nobody is helped by giving up before.
 */
export const shortSteps: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '15 seconds',
  retry: stepRetry,
};

/**
 * Looks at traffic, and changes of its weights: a few calls bounded by seconds each. A short `startToCloseTimeout`, because
 * one that was lost with its worker keeps users on a bad cube until it is tried again.
 */
export const quickLooks: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '6 seconds',
  retry: { ...retry, initialInterval: '200 milliseconds', maximumInterval: '2 seconds' },
};

export const quickUntilDone: ActivityOptions = {
  ...quickLooks,
  retry: { ...quickLooks.retry, nonRetryableErrorTypes: [] },
};

/** What a plan cannot go on without: where it stands must reach the ledger, however long a person takes to mend it. */
export const untilDone: ActivityOptions = { ...shortSteps };

/** A look at whole tables, which may be as large as they like: a living worker heartbeats while it looks. */
export const longLooks: ActivityOptions = {
  ...shortSteps,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '10 seconds',
};

/**
 * Streams of rows. `heartbeatTimeout` is how long a killed worker goes unnoticed. A cancelled step is waited for: it
 * commits what it has, and nothing else may start before it has let go.
 */
export const longSteps: ActivityOptions = {
  taskQueue: taskQueues.bulk,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: stepRetry,
};

/** Undoing: as long steps, but given up after a day, so that what could not be undone is told. */
export const undoSteps: ActivityOptions = {
  ...longSteps,
  scheduleToCloseTimeout: '1 day',
  retry: { ...stepRetry, maximumInterval: '1 minute' },
};

/**
 * Steps of a deployment or a rollback. Given up after a minute, since what comes then is better than going on waiting: a
 * deployment is taken back, a rollback calls a person. A call lost with its worker is tried again after five seconds.
 */
export const urgentSteps: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '5 seconds',
  scheduleToCloseTimeout: '1 minute',
  retry: { ...retry, initialInterval: '100 milliseconds', maximumInterval: '1 second' },
};

/** What a rollback looks at before it does anything: given up soon, since users may be on an ill cube meanwhile. */
export const firstLooks: ActivityOptions = {
  ...urgentSteps,
  startToCloseTimeout: '3 seconds',
  scheduleToCloseTimeout: '10 seconds',
};

/** Looks that last: they end by themselves, and a killed worker goes unnoticed for two seconds. */
export const urgentWatches: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '2 seconds',
  scheduleToCloseTimeout: '16 minutes',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { ...retry, initialInterval: '100 milliseconds', maximumInterval: '1 second' },
};

/** What goes on until its plan has enough of it, whatever fails; a killed worker goes unnoticed for five seconds. */
export const untilCancelled: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '5 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { ...retry, maximumInterval: '2 seconds', nonRetryableErrorTypes: [] },
};

/** Telling somebody outside: tried for an hour, and nothing waits for it. */
export const calls: ActivityOptions = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '15 seconds',
  scheduleToCloseTimeout: '1 hour',
  retry: { ...retry, maximumInterval: '1 minute' },
};
