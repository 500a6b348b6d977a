import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { rampWorkflowId } from '../../src/domain/ramp/ramp.js';
import { readFlags, writeFlags } from '../../src/traffic/flags.js';
import { registerInstance } from '../../src/traffic/instances.js';
import { connectRedis, type RedisConnection } from '../../src/traffic/redis.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';
import { StallingProxy } from '../support/stalling-proxy.js';

/** A control worker whose answers to Temporal can be held back, so that something happens to a plan while it computes. */
let databases: TestDatabases;
let ownRedis: OwnRedis;
let redis: RedisConnection;
let way: StallingProxy;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(1);
  ownRedis = await OwnRedis.start();
  redis = connectRedis(ownRedis.url, { onError: () => undefined });
  await until('a connection', () => redis.status === 'ready');
  way = await StallingProxy.before(`tcp://${inject('servers').temporalAddress}`);
  engine = await Engine.start({
    ...databases,
    redisUrl: ownRedis.url,
    bulkWorkers: 0,
    environment: { 'worker-control': { TEMPORAL_ADDRESS: new URL(way.url).host } },
  });
});
afterAll(async () => {
  await engine.stop();
  await way.close();
  redis.disconnect();
  await ownRedis.stop();
  await databases.drop();
});

test('a stop whose workflow task failed, because something else happened to the plan meanwhile, is carried out all the same', async () => {
  await writeFlags(redis, 'saju', { enabled: true, percentage: 0 }, { by: 'test', why: 'begin' });
  const place = { cube_id: 'saju-cube', instance_id: 'saju-1', url: 'http://127.0.0.1:1' } as const;
  const cube = registerInstance(redis, { ...place, version: '1', state: 'ready', started_at: Date.now() });
  const asked = { steps: [5, 100], interval_seconds: 600, check_interval_seconds: 3600 };
  expect((await engine.call('POST', '/v1/traffic/saju/ramp', asked)).status).toBe(202);
  const { workflow } = new Client({ connection: await engine.temporal(), namespace: engine.namespace });
  const plan = workflow.getHandle(rampWorkflowId('saju'));
  await until('the first look', async () => (await plan.query<{ checks: number }>('ramp')).checks === 1);

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
