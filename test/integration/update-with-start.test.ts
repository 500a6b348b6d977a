import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import type { StartedPlan } from '../../src/services/control/temporal/started-plan.js';
import { createTemporalCalls, type TemporalCalls } from '../../src/services/control/temporal/temporal-calls.js';
import { until } from '../support/conditions.js';
import { createNamespace } from '../support/engine.js';
import { quietRuntime } from '../support/quiet-runtime.js';
import { StallingProxy } from '../support/stalling-proxy.js';

/** An update that starts its plan, on a real server which drops the update, so that the client repeats the call. */
const taskQueue = 'brief-plans';
let calls: TemporalCalls;
let way: StallingProxy;
let connection: NativeConnection;
let worker: Worker;
let working: Promise<void>;

beforeAll(async () => {
  Runtime.install(quietRuntime);
  const address = inject('servers').temporalAddress;
  const namespace = await createNamespace(address);
  way = await StallingProxy.before(`tcp://${address}`);
  connection = await NativeConnection.connect({
    address: new URL(way.url).host,
    // What the worker answers can then be read on its way.
    grpcCompression: { codec: 'none' },
  });
  const workflowsPath = fileURLToPath(new URL('../support/brief-plan.ts', import.meta.url));
  worker = await until('the namespace to be known', () =>
    Worker.create({ connection, namespace, taskQueue, workflowsPath }).catch(() => undefined),
  );
  working = worker.run();
  calls = createTemporalCalls({ address }, namespace, 15_000);
}, 120_000);
afterAll(async () => {
  worker.shutdown();
  await working;
  await Promise.all([calls.close(), connection.close()]);
  await way.close();
});

function plan(whenRunning: 'join' | 'refuse'): StartedPlan {
  const workflowId = `brief/${randomUUID()}`;
  return {
    type: 'briefPlan',
    description: { staticSummary: 'A plan of the tests', staticDetails: '' },
    workflowId,
    taskQueue,
    args: [],
    whenRunning,
    whenCompleted: 'start',
  };
}

/** The next descriptions of plans fail as those of a server that is away. */
function breakDescriptions(count: number, before: () => Promise<unknown> = async () => undefined) {
  const { workflow } = calls;
  const real = workflow.getHandle.bind(workflow);
  let left = count;
  return vi.spyOn(workflow, 'getHandle').mockImplementation((...args: Parameters<typeof real>) => {
    const handle = real(...args);
    return Object.assign(handle, {
      describe: async () => {
        if (left-- <= 0) return real(...args).describe();
        await before();
        throw new Error('14 UNAVAILABLE');
      },
    });
  });
}

/** Calls, and holds the worker's answer to the task that the call has brought. */
async function callAndHold(started: StartedPlan) {
  const answer = way.stall('it has begun');
  const called = calls.submitWithStart(started, 'begin', {});
  const held = await Promise.race([answer, called]);
  if (typeof held !== 'object' || !('letGo' in held)) throw new Error('the answer of the worker was not held');
  return { called, held, handle: calls.workflow.getHandle(started.workflowId) };
}

test.each(['join', 'refuse'] as const)(
  'a call that is repeated is answered by the plan that it has started itself: %s',
  async (whenRunning) => {
    const { called, held, handle } = await callAndHold(plan(whenRunning));
    await handle.signal('whatever');
    await held.letGo();
    expect(await called).toEqual({ isApplied: true, answer: 'it has begun' });
    const { events } = await handle.fetchHistory();
    expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toHaveLength(1);
    expect(events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toHaveLength(1);
  },
  30_000,
);

test('a call whose plan was ended by force says that it has started it, and does not start it again', async () => {
  const { called, held, handle } = await callAndHold(plan('join'));
  const { runId } = await handle.describe();
  await handle.terminate('test');
  await held.letGo();
  expect(await called).toBe('started');
  expect((await handle.describe()).runId).toBe(runId);
}, 30_000);

test('a call that is repeated does not start its plan again where Temporal cannot say that it was ended by force', async () => {
  const { called, held, handle } = await callAndHold(plan('join'));
  const { runId } = await handle.describe();
  const away = breakDescriptions(1, () => handle.terminate('test'));
  await handle.signal('whatever');
  await held.letGo();
  // The second description says that the plan is of this call, and has ended.
  expect(await called).toBe('started');
  away.mockRestore();
  expect(await handle.describe()).toMatchObject({ runId, status: { name: 'TERMINATED' } });
}, 30_000);

test('a call that meets a plan, where Temporal cannot say whose it is, names neither outcome', async () => {
  const { called, held, handle } = await callAndHold(plan('refuse'));
  const away = breakDescriptions(100);
  const other = { ...plan('refuse'), workflowId: handle.workflowId };
  await expect(calls.submitWithStart(other, 'begin', {})).rejects.toMatchObject({ type: 'temporal_unreachable' });
  away.mockRestore();
  await held.letGo();
  await called;
}, 30_000);

test('a call that a plan refuses at its very end is answered by the next one', async () => {
  const next = { ...plan('join'), type: 'endingPlan', args: [false] };
  const { workflowId } = next;
  const ending = await calls.workflow.start('endingPlan', { workflowId, taskQueue, args: [true] });
  const called = calls.submitWithStart(next, 'begin', {});
  await new Promise((resolve) => setTimeout(resolve, 500));
  await ending.signal('end');
  expect(await called).toEqual({ isApplied: true, answer: 'it has begun' });
}, 30_000);

test('a call that meets the plan of another call says so', async () => {
  const { called, held, handle } = await callAndHold(plan('refuse'));
  const other = { ...plan('refuse'), workflowId: handle.workflowId };
  expect(await calls.submitWithStart(other, 'begin', {})).toBe('already_started');
  await held.letGo();
  expect(await called).toMatchObject({ answer: 'it has begun' });
}, 30_000);
