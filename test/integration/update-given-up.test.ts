import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type RampView, rampWorkflowId } from '../../src/domain/traffic/ramp/ramp.js';
import { readFlags } from '../../src/traffic/flags.js';
import { until } from '../support/conditions.js';
import { RampStack } from '../support/ramp-stack.js';
import { StallingProxy } from '../support/stalling-proxy.js';

/** A control worker whose answers to Temporal can be held back, so that something happens to a plan while it computes. */
let way: StallingProxy;
let stack: RampStack;

beforeAll(async () => {
  way = await StallingProxy.before(`tcp://${inject('servers').temporalAddress}`);
  stack = await RampStack.start({ environment: { TEMPORAL_ADDRESS: new URL(way.url).host } });
});
afterAll(async () => {
  await stack.stop();
  await way.close();
});

test('a stop whose workflow task failed, because something else happened to the plan meanwhile, is carried out all the same', async () => {
  const { engine, redis } = stack;
  await stack.openForNobody();
  const cube = stack.registerCube();
  const asked = { steps: [5, 100], interval_seconds: 600, check_interval_seconds: 3600 };
  expect((await engine.call('POST', '/v1/traffic/saju/ramp', asked)).status).toBe(202);
  const { workflow } = new Client({ connection: await engine.temporal(), namespace: engine.namespace });
  const plan = workflow.getHandle(rampWorkflowId('saju'));
  await until(
    'the first look',
    async () => ((await engine.call('GET', '/v1/traffic/saju/ramp')).body as RampView).checks === 1,
  );

  // The worker's messages are not packed: what the plan says of the stop can be read in its answer.
  const answer = way.stall('stopped it');
  const stopped = engine.call('DELETE', '/v1/traffic/saju/ramp');
  const held = await Promise.race([answer, stopped]);
  if (!('letGo' in held)) throw new Error('the answer of the worker was not held');
  await plan.signal('whatever');
  await held.letGo();

  expect(await stopped).toMatchObject({ status: 202, body: { status: 'stopped' } });
  const { events } = await plan.fetchHistory();
  const attributes = events?.flatMap((event) => Object.keys(event)) ?? [];
  const count = (name: string) => attributes.filter((one) => one === `${name}EventAttributes`).length;
  expect(count('workflowTaskFailed')).toBe(1);
  expect(count('workflowExecutionUpdateAccepted')).toBe(1);
  await cube.close();
  expect(await readFlags(redis, 'saju')).toMatchObject({ percentage: 0 });
});
