import type { RampView } from '../../src/domain/traffic/ramp/ramp.js';
import { connectRedis } from '../../src/redis/connection.js';
import { until } from '../support/conditions.js';
import type { Engine } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';
import { registerInstance } from '../support/registry.js';
import { SeriesServer } from '../support/series-server.js';
import { WritableCube } from '../support/writable-cube.js';

/** What is done to a ramp, from its start to its end; by scenario. */
export const rampScenarios: Readonly<Record<string, (engine: Engine, gateway: SeriesServer) => Promise<unknown>>> = {
  'ramp-completed': async (engine) => {
    await start(engine);
    await waitFor(engine, ({ status }) => status === 'completed');
  },
  'ramp-went-back-and-stopped': async (engine, gateway) => {
    await start(engine);
    await waitFor(engine, ({ percentage }) => percentage > 0);
    gateway.cube = (users) => ({ users, failedUsers: users / 5 });
    await waitFor(engine, ({ status }) => status === 'holding_off');
    await steer(engine, 'DELETE');
  },
  'ramp-paused-set-and-killed': async (engine) => {
    await start(engine);
    await waitFor(engine, ({ percentage }) => percentage > 0);
    await steer(engine, 'POST', '/pause');
    await steer(engine, 'POST', '/set', { percentage: 60 });
    await engine.kill('worker-control');
    engine.startProgram('worker-control');
    // While no worker is there the call runs out of time.
    await until('a resume', async () => (await engine.call('POST', '/v1/traffic/saju/ramp/resume', {})).status === 202);
    await waitFor(engine, ({ status }) => status === 'completed');
  },
};

/** A Redis and a gateway for an engine. */
export async function startRampWorld() {
  const server = await OwnRedis.start();
  const redis = connectRedis(server.url, { onError: () => undefined });
  await until('a connection', () => redis.status === 'ready');
  const gateway = await SeriesServer.start(redis, 'gateway-1');
  const writable = await WritableCube.start();
  const instance = { instance_id: 'saju-1', url: writable.url, version: '1', started_at: Date.now() };
  const cube = registerInstance(redis, { cube_id: 'saju-cube', state: 'ready', ...instance });
  const stop = async () => {
    await gateway.stop();
    await cube.close();
    await writable.stop();
    redis.disconnect();
    await server.stop();
  };
  return { gateway, redisUrl: server.url, stop };
}

async function start(engine: Engine): Promise<void> {
  const body = {
    steps: [5, 50, 100],
    interval_seconds: 2,
    check_interval_seconds: 1,
    minimums: { requests: 20, users: 5 },
  };
  // The control API is ready without Redis, and may just be connecting.
  await until('a start', async () => (await engine.call('POST', '/v1/traffic/saju/ramp', body)).status === 202);
}

async function steer(engine: Engine, method: string, path = '', body?: unknown): Promise<void> {
  const answer = await engine.call(method, `/v1/traffic/saju/ramp${path}`, body);
  if (answer.status !== 202) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
}

async function waitFor(engine: Engine, fits: (view: RampView) => boolean): Promise<void> {
  await until('the ramp to get there', async () => {
    const { status, body } = await engine.call('GET', '/v1/traffic/saju/ramp');
    return status === 200 && fits(body as RampView);
  });
}
