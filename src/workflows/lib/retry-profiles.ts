import type { Duration, RetryPolicy } from '@temporalio/common';
import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';
import { taskQueues } from '../../domain/task-queues.js';

/**
 * Temporal retries without end: a database that is away comes back, and a plan that gives up before helps no user. Which failure
 * is not worth a retry the activity decides itself (`guarded`), since it knows what the server said.
 */
function retry(initialInterval: Duration, maximumInterval: Duration): RetryPolicy {
  return { initialInterval, backoffCoefficient: 2, maximumInterval };
}

/**
 * A statement or a call or two. Without `startToCloseTimeout` a step that is lost with its worker would never be retried; it is
 * longer than the ten seconds that a connection may take, so that a silent database is named.
 */
const shortStep = {
  taskQueue: taskQueues.control,
  startToCloseTimeout: '15 seconds',
  retry: retry('500 milliseconds', '10 seconds'),
} satisfies ActivityOptions;

/**
 * A step that lasts, with a worker that heartbeats: `heartbeatTimeout` is how long a killed worker goes unnoticed. The plan waits
 * for a step that it cancels: the step commits what it has, and nothing else starts before it has let go.
 */
const longStep = {
  taskQueue: taskQueues.bulk,
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: retry('500 milliseconds', '10 seconds'),
} satisfies ActivityOptions;

/** Documents wait for services that are away, in their own worker, and nothing else waits for them. */
const documentStep = {
  taskQueue: taskQueues.documents,
  scheduleToCloseTimeout: '1 day',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: retry('500 milliseconds', '10 seconds'),
} satisfies ActivityOptions;

/** Runs wait for databases and hosts in their own worker. */
const crawlStep = {
  taskQueue: taskQueues.crawler,
  heartbeatTimeout: '5 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: retry('200 milliseconds', '10 seconds'),
} satisfies ActivityOptions;

/** How Temporal times, retries and cancels the activities of every plan. */
export const profiles = {
  /** The ledger and the audit: what a plan cannot continue without, however long a person takes to fix a database. */
  ledgerWrite: shortStep,

  /** A scan or a change of whole tables, of the ledger too, however large they are. */
  tableScan: { ...longStep, taskQueue: taskQueues.control },

  /** Rows and files on their way. */
  stream: longStep,

  /** As a stream, but given up after a day, so that a person learns what could not be undone. */
  undo: { ...longStep, scheduleToCloseTimeout: '1 day', retry: retry('500 milliseconds', '1 minute') },

  /** A read of gateways and registry, bounded by seconds: a lost one keeps users on a bad cube until the retry. */
  probe: { ...shortStep, startToCloseTimeout: '6 seconds', retry: retry('200 milliseconds', '2 seconds') },

  /** A change of weights: one write of Redis, as urgent as a probe. */
  trafficWrite: { ...shortStep, startToCloseTimeout: '6 seconds', retry: retry('200 milliseconds', '2 seconds') },

  /**
   * A step of a deployment or an emergency rollback, given up after a minute, since what follows is better than waiting: a
   * deployment is taken back, a rollback calls a person.
   */
  cubeChange: {
    ...shortStep,
    startToCloseTimeout: '5 seconds',
    scheduleToCloseTimeout: '1 minute',
    retry: retry('100 milliseconds', '1 second'),
  },

  /** What a rollback looks up before it changes anything; given up soon, since users may be on an ill cube meanwhile. */
  targetLookup: {
    ...shortStep,
    startToCloseTimeout: '3 seconds',
    scheduleToCloseTimeout: '10 seconds',
    retry: retry('100 milliseconds', '1 second'),
  },

  /** A watch of a version that lasts and ends by itself; a killed worker goes unnoticed for two seconds. */
  healthWatch: {
    ...longStep,
    taskQueue: taskQueues.control,
    startToCloseTimeout: '15 minutes',
    scheduleToCloseTimeout: '16 minutes',
    heartbeatTimeout: '2 seconds',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: retry('100 milliseconds', '1 second'),
  },

  /** Goes on until the plan cancels it; a killed worker goes unnoticed for five seconds. */
  holdExtension: {
    ...longStep,
    taskQueue: taskQueues.control,
    startToCloseTimeout: '1 hour',
    heartbeatTimeout: '5 seconds',
    retry: retry('500 milliseconds', '2 seconds'),
  },

  /**
   * Some pages of a document, each of which has a time limit of its own; a killed worker goes unnoticed for ten seconds. What it needs and
   * is away is waited for, for a day.
   */
  documentReading: {
    ...documentStep,
    startToCloseTimeout: '1 hour',
    heartbeatTimeout: '10 seconds',
  },

  /** The result of a document, or what the AI cube makes of its text; as patient. */
  documentRecord: { ...documentStep, startToCloseTimeout: '5 minutes', heartbeatTimeout: '10 seconds' },

  /** The end of a document that failed: a statement, as often as it takes. */
  documentEnding: { ...documentStep, startToCloseTimeout: '15 seconds' },

  /**
   * The begin of a job's run: a statement or two, after a wait for a lease that another worker did not give back. A killed worker goes
   * unnoticed for five seconds.
   */
  crawlBeginning: { ...crawlStep, startToCloseTimeout: '5 minutes' },

  /** Some batches of a run, as long as hosts let it wait. */
  crawlFetching: { ...crawlStep, startToCloseTimeout: '10 minutes' },

  /** The end of a run that was cancelled, or that a failure ended; given up after a day. */
  crawlEnding: { ...crawlStep, startToCloseTimeout: '5 minutes', scheduleToCloseTimeout: '1 day' },

  /** A call to a person's webhook: retried for an hour, and no plan waits for it. */
  webhook: { ...shortStep, scheduleToCloseTimeout: '1 hour', retry: retry('500 milliseconds', '1 minute') },
} satisfies Record<string, ActivityOptions>;
