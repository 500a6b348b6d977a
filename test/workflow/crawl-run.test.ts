import { ApplicationFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, type Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { CrawlSteps, FetchStep } from '../../src/activities/crawl-steps.js';
import type { CrawlRun } from '../../src/domain/crawler/run.js';
import { taskQueues } from '../../src/domain/task-queues.js';
import { createWorker, workflowBundlePath } from '../../src/workers/worker.js';
import type { CrawlEnd } from '../../src/workflows/crawler/crawl-run.js';
import { until } from '../support/conditions.js';
import { quietRuntime } from '../support/quiet-runtime.js';

/** The plan of a run on Temporal's time-skipping server; the steps are answered here. */
let environment: TestWorkflowEnvironment;
let worker: Worker;
let running: Promise<void>;
const steps = new Map<string, Partial<CrawlSteps>>();

beforeAll(async () => {
  Runtime.install(quietRuntime);
  environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: inject('timeSkippingServer') } },
  });
  const named = <Name extends keyof CrawlSteps>(name: Name) =>
    ((...args: [CrawlRun, never]) => {
      const step = steps.get(args[0].jobId)?.[name] as ((...given: typeof args) => Promise<unknown>) | undefined;
      if (step === undefined) throw ApplicationFailure.nonRetryable(`${name} was not expected`);
      return step(...args);
    }) as CrawlSteps[Name];
  worker = await createWorker({
    connection: environment.nativeConnection,
    namespace: environment.client.options.namespace,
    taskQueue: taskQueues.crawler,
    workflowBundle: { codePath: workflowBundlePath },
    activities: { beginRun: named('beginRun'), fetchUrls: named('fetchUrls'), endRun: named('endRun') },
  });
  running = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await environment.teardown();
});

function start(jobId: string, answered: Partial<CrawlSteps>) {
  steps.set(jobId, { beginRun: async () => ({ state: 'begun' }), ...answered });
  return environment.client.workflow.start<(input: { jobId: string }) => Promise<CrawlEnd>>('crawlRun', {
    workflowId: `crawl/${jobId}`,
    taskQueue: taskQueues.crawler,
    args: [{ jobId }],
  });
}

async function detailsOf(handle: Awaited<ReturnType<typeof start>>): Promise<string> {
  return (await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata')).currentDetails ?? '';
}

const open = (fetched: number, waitsFor: 'rate' | 'result_ids' | null = null): FetchStep => ({
  state: 'open',
  waitsFor,
  fetched,
  failed: 0,
  urls: 10_000,
});

test('a run of 10,000 URLs at a slow pace keeps its history small and its id', async () => {
  const ids = new Set<string>();
  let fetched = 0;
  const handle = await start('1', {
    beginRun: async ({ runId }) => {
      ids.add(runId);
      return { state: 'begun' };
    },
    fetchUrls: async ({ runId }) => {
      ids.add(runId);
      fetched += 30;
      return fetched < 10_000 ? open(fetched, 'rate') : { state: 'ended', outcome: 'done' };
    },
  });
  expect(await handle.result()).toEqual({ outcome: 'done' });
  expect(ids).toEqual(new Set([handle.firstExecutionRunId]));
  const { historyLength, runId } = await environment.client.workflow.getHandle(handle.workflowId).describe();
  expect(runId).not.toBe(handle.firstExecutionRunId);
  expect(historyLength).toBeLessThan(2000);
});

test('it says how far it is and what it waits for, and looks for ids every five seconds', async () => {
  const seen: string[] = [];
  const waits = [open(20), open(30, 'rate'), open(40, 'result_ids')];
  const handle = await start('2', {
    fetchUrls: async () => {
      const step = waits.shift();
      if (step !== undefined) return step;
      seen.push(await detailsOf(handle));
      return { state: 'ended', outcome: 'partly' };
    },
  });
  expect(await handle.result()).toEqual({ outcome: 'partly' });
  expect(seen).toEqual([expect.stringMatching(/URL 40 of 10000.*`result_ids`/)]);
  expect(await detailsOf(handle)).toContain('**partly**');
});

test('of a job that does not run any more nothing is fetched', async () => {
  const handle = await start('3', { beginRun: async () => ({ state: 'not_due' }) });
  expect(await handle.result()).toEqual({ outcome: 'not_due' });
});

test('cancelled from outside it ends the run', async () => {
  let fetching = false;
  const handle = await start('4', {
    fetchUrls: async () => {
      fetching = true;
      throw ApplicationFailure.create({ type: 'cube_unreachable', message: 'away', nextRetryDelay: '1h' });
    },
    endRun: async () => ({ state: 'ended', outcome: 'stopped' }),
  });
  await until('the run to fetch', () => fetching);
  await handle.cancel();
  expect(await handle.result()).toEqual({ outcome: 'stopped' });
});

test('a failure that no retry mends ends the run', async () => {
  const handle = await start('5', {
    fetchUrls: async () => {
      throw ApplicationFailure.nonRetryable('The cube database refused a right.', 'permission_denied');
    },
    endRun: async () => ({ state: 'ended', outcome: 'stopped' }),
  });
  expect(await handle.result()).toEqual({ outcome: 'stopped' });
});
