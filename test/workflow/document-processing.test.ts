import { ApplicationFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, type Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { DocumentSteps } from '../../src/activities/document-steps.js';
import { type ProcessRequest, processWorkflowId } from '../../src/domain/paperwork/processing-request.js';
import { taskQueues } from '../../src/domain/task-queues.js';
import { createWorker, workflowBundlePath } from '../../src/workers/worker.js';
import type { ProcessEnd } from '../../src/workflows/documents/document-processing.js';
import { quietRuntime } from '../support/quiet-runtime.js';

/** The plan of a document on Temporal's time-skipping server; the steps are answered here. */
let environment: TestWorkflowEnvironment;
let worker: Worker;
let running: Promise<void>;
const steps = new Map<string, Partial<DocumentSteps>>();

beforeAll(async () => {
  Runtime.install(quietRuntime);
  environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: inject('timeSkippingServer') } },
  });
  const named = <Name extends keyof DocumentSteps>(name: Name) =>
    ((...args: [ProcessRequest, never]) => {
      const step = steps.get(args[0].fileId)?.[name] as ((...given: typeof args) => Promise<unknown>) | undefined;
      if (step === undefined) throw ApplicationFailure.nonRetryable(`${name} was not expected`);
      return step(...args);
    }) as DocumentSteps[Name];
  worker = await createWorker({
    connection: environment.nativeConnection,
    namespace: environment.client.options.namespace,
    taskQueue: taskQueues.documents,
    workflowBundle: { codePath: workflowBundlePath },
    activities: {
      readDocument: named('readDocument'),
      recordResult: named('recordResult'),
      recordFailure: named('recordFailure'),
    },
  });
  running = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await environment.teardown();
});

async function start(fileId: string, answered: Partial<DocumentSteps>, kind: ProcessRequest['kind'] = 'text') {
  steps.set(fileId, answered);
  const request: ProcessRequest = { fileId, kind, request: '00000000-0000-4000-8000-000000000000' };
  return environment.client.workflow.start<(request: ProcessRequest) => Promise<ProcessEnd>>('documentProcessing', {
    workflowId: processWorkflowId(request),
    taskQueue: taskQueues.documents,
    args: [request],
    memo: { request: request.request },
  });
}

async function detailsOf(handle: Awaited<ReturnType<typeof start>>): Promise<string> {
  return (await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')).currentDetails ?? '';
}

const away = (nextRetryDelay?: '1h') => {
  throw ApplicationFailure.create({
    type: 'upstream_unavailable',
    message: 'No instance of the service is ready.',
    ...(nextRetryDelay === undefined ? {} : { nextRetryDelay }),
  });
};

test('slices follow each other until the last page, then the result is written', async () => {
  let page = 0;
  const written: string[] = [];
  const handle = await start('1', {
    readDocument: async () => ({ kind: 'read', page: ++page, pages: 3 }),
    recordResult: async (request) => {
      written.push(request.fileId);
      return { kind: 'done' };
    },
  });
  expect(await handle.result()).toEqual({ state: 'done' });
  expect([page, written]).toEqual([3, ['1']]);
});

test('what is away is waited for: first it is said, then the step is tried until it is back', async () => {
  const tries: boolean[] = [];
  let details = '';
  const handle = await start(
    '2',
    {
      readDocument: async () => ({ kind: 'read', page: 1, pages: 1 }),
      recordResult: async (_, isWaiting) => {
        tries.push(isWaiting);
        if (!isWaiting) return { kind: 'waits', reason: 'ai_cube_away' };
        if (tries.length < 20) return away();
        details = await detailsOf(handle);
        return { kind: 'done' };
      },
    },
    'classify',
  );
  expect(await handle.result()).toEqual({ state: 'done' });
  expect(tries).toEqual([false, ...Array.from({ length: 19 }, () => true)]);
  expect(details).toContain('**waiting**, `ai_cube_away`');
});

test('what stays away for a day is given up, with that as the reason', async () => {
  const reasons: string[] = [];
  const handle = await start('3', {
    // An hour between two tries: a day of the usual ones is thousands of them.
    readDocument: async (_, isWaiting) => (isWaiting ? away('1h') : { kind: 'waits', reason: 'files_away' }),
    recordFailure: async (_, reason) => void reasons.push(reason),
  });
  expect(await handle.result()).toEqual({ state: 'failed', reason: 'gave_up' });
  expect(reasons).toEqual(['gave_up']);
  const { startTime, closeTime } = await handle.describe();
  const hours = ((closeTime as Date).getTime() - startTime.getTime()) / 3_600_000;
  expect(hours).toBeGreaterThan(23);
  expect(hours).toBeLessThan(25);
});

test('a document that cannot be read fails with its reason, at once', async () => {
  const reasons: string[] = [];
  const handle = await start('4', {
    readDocument: async () => ({ kind: 'failed', reason: 'password_protected' }),
    recordFailure: async (_, reason) => void reasons.push(reason),
  });
  expect(await handle.result()).toEqual({ state: 'failed', reason: 'password_protected' });
  expect(reasons).toEqual(['password_protected']);
  expect(await detailsOf(handle)).toContain('**failed**, `password_protected`');
});

test('a failure that no retry mends ends the document, and nothing else', async () => {
  const reasons: string[] = [];
  const handle = await start('5', {
    readDocument: async () => {
      throw ApplicationFailure.nonRetryable('The cube database refused a right.', 'permission_denied');
    },
    recordFailure: async (_, reason) => void reasons.push(reason),
  });
  expect(await handle.result()).toEqual({ state: 'failed', reason: 'gave_up' });
  expect(reasons).toEqual(['gave_up']);
});

test('a document that is empty as text is read as a picture', async () => {
  const recorded: string[] = [];
  const handle = await start(
    '6',
    {
      readDocument: async () => ({ kind: 'read', page: 1, pages: 1 }),
      recordResult: async () => {
        recorded.push('recorded');
        return { kind: recorded.length === 1 ? 'read_again' : 'done' };
      },
    },
    'classify',
  );
  expect(await handle.result()).toEqual({ state: 'done' });
  expect(recorded.length).toBe(2);
});

test('a request that was replaced or forgotten ends without a trace', async () => {
  const handle = await start('7', { readDocument: async () => ({ kind: 'forgotten' }) });
  expect(await handle.result()).toEqual({ state: 'forgotten' });
});

test('a long document begins a new history, and keeps the name of its request', async () => {
  let page = 0;
  const handle = await start('8', {
    readDocument: async () => ({ kind: 'read', page: ++page, pages: 300 }),
    recordResult: async () => ({ kind: 'done' }),
  });
  const first = handle.firstExecutionRunId;
  expect(await handle.result()).toEqual({ state: 'done' });
  const newest = await environment.client.workflow.getHandle(handle.workflowId).describe();
  expect(newest.runId).not.toBe(first);
  expect(newest.memo).toEqual({ request: '00000000-0000-4000-8000-000000000000' });
  expect(newest.historyLength).toBeLessThan(1600);
});
