import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTokenVerifier } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import { findCube } from '../../src/domain/cubes.js';
import { buildCube, runCube } from '../../src/http/cube.js';
import { readMetricsText } from '../../src/metrics/metrics-text.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import {
  heartbeatTimeoutMillis,
  type InstanceEntry,
  type Registration,
  readRegistry,
} from '../../src/registry/instances.js';
import { type CubeMetricsCollector, createCubeMetricsCollector } from '../../src/services/monitoring/collector.js';
import { createCollectorMetrics } from '../../src/services/monitoring/collector-metrics.js';
import { pollCube } from '../../src/services/monitoring/poll.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances, registerInstance } from '../support/registry.js';

/** The collector with a real registry and real cubes, of which some are ill. */
const secret = 'a secret of the tests, thirty-two bytes or more';
let server: OwnRedis;
let redis: RedisConnection;
let endings: (() => Promise<unknown>)[];
let now: Date;

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 500 });
});
beforeEach(async () => {
  now = new Date();
  endings = [];
  await until('redis to be connected', () => redis.status === 'ready');
  await redis.flushall();
});
afterEach(async () => {
  for (const end of endings) await end();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function collecting() {
  const metrics = createCollectorMetrics('monitoring-cube');
  const collector = createCubeMetricsCollector({
    readRegistry: (cubeId) => readRegistry(redis, cubeId, () => true),
    poll: pollCube,
    metrics,
    clock: () => now,
  });
  const tell = async () => readMetricsText(await metrics.render(collector.watched(), now)).samples;
  const read = async (name: string, labels: Record<string, string>) =>
    (await tell()).find(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )?.value;
  return { collector, metrics, tell, read };
}

/** A whole cube, its own process but for the process. */
async function startCube(instanceId: string): Promise<string> {
  const definition = findCube('saju-cube') ?? expect.fail('no saju-cube');
  const app = await buildCube({
    definition,
    version: '1.0.0',
    instanceId,
    logger: false,
    clock: () => new Date(),
    tokens: createTokenVerifier({ current: secret }, () => new Date()),
    dependencies: {},
  });
  app.get('/things/:id', async () => ({}));
  const end = new AbortController();
  const ended = runCube(app, {
    redis,
    secret: () => secret,
    host: '127.0.0.1',
    port: 0,
    signal: end.signal,
    drainMillis: 0,
  });
  endings.push(() => {
    end.abort();
    return ended;
  });
  const entry = await until('the entry', async () =>
    (await readInstances(redis, 'saju-cube')).find((one) => one.instance_id === instanceId && one.state === 'ready'),
  );
  return entry.url;
}

/** Something that is registered as a cube and answers as it likes. */
async function startImpostor(cubeId: string, answer: RequestListener | string): Promise<Registration> {
  let url = answer;
  if (typeof url !== 'string') {
    const listener: Server = createServer(answer as RequestListener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    endings.push(async () => {
      listener.closeAllConnections();
      listener.close();
    });
  }
  const registration = registerInstance(
    redis,
    { cube_id: cubeId, instance_id: 'impostor', url: String(url), version: '1', state: 'ready', started_at: 0 },
    { everyMillis: 200 },
  );
  endings.push(() => registration.close());
  await until('the impostor', async () => (await readInstances(redis, cubeId)).length > 0);
  return registration;
}

const good: RequestListener = (request, response) =>
  void response.end(
    request.url === '/health'
      ? '{"status":"degraded"}'
      : 'ai_cube_requests_total{method="GET",endpoint="/a\\"b\\\\c",status="200"} 7\nai_cube_secret_total 1\nprocess_cpu 1\n',
  );

describe('of every instance', () => {
  test('health and the four metrics are kept, with the instance they are of', async () => {
    const urls = [await startCube('one'), await startCube('two')];
    for (const url of [urls[0], urls[0], urls[1]]) await fetch(`${url}/things/7`);
    const { collector, tell, read } = collecting();
    await collector.collect();
    const requests = (instance_id: string) =>
      read('saju_cube_requests_total', { method: 'GET', endpoint: '/things/:id', status: '200', instance_id });
    expect([await requests('one'), await requests('two')]).toEqual([2, 1]);
    const of = { cube_id: 'saju-cube', cube_type: 'core_service', instance_id: 'one' };
    expect([await read('cube_up', of), await read('cube_healthy', of)]).toEqual([1, 1]);
    expect(await read('cube_instances', { cube_id: 'saju-cube', state: 'ready', version: '1.0.0' })).toBe(2);
    const names = new Set((await tell()).map(({ name }) => name));
    for (const name of [
      'saju_cube_request_duration_seconds_bucket',
      'saju_cube_request_duration_seconds_sum',
      'saju_cube_request_duration_seconds_count',
      'saju_cube_cpu_usage_percent',
      'saju_cube_memory_usage_bytes',
    ])
      expect(names).toContain(name);
    expect(
      await read('saju_cube_request_duration_seconds_bucket', { le: '+Inf', instance_id: 'one' }),
    ).toBeGreaterThanOrEqual(2);
  });

  test('nothing else is kept, and label values come out as they went in', async () => {
    await startImpostor('ai-cube', good);
    const { collector, tell, read } = collecting();
    await collector.collect();
    expect(await read('ai_cube_requests_total', { endpoint: '/a"b\\c', instance_id: 'impostor' })).toBe(7);
    expect(await read('cube_healthy', { cube_id: 'ai-cube' })).toBe(0);
    expect(await read('cube_up', { cube_id: 'ai-cube' })).toBe(1);
    for (const { name } of await tell()) expect(name).not.toMatch(/secret|^process/);
  });

  test('each family is declared once, as Prometheus demands', async () => {
    await startCube('one');
    await startCube('two');
    await startImpostor('ai-cube', good);
    const { collector, metrics } = collecting();
    await collector.collect();
    const declared = [...(await metrics.render(collector.watched(), now)).matchAll(/^# TYPE (\S+)/gm)].map(
      ([, n]) => n,
    );
    expect(new Set(declared).size).toBe(declared.length);
  });
});

describe('a cube that is ill stops no other:', () => {
  test.each<[string, RequestListener | string]>([
    ['hangs', () => undefined],
    ['hangs after its headers', (_request, response) => void response.writeHead(200).flushHeaders()],
    ['breaks off', (_request, response) => void response.write('x', () => response.destroy())],
    ['talks nonsense', (_request, response) => void response.end('<html>')],
    ['fails', (_request, response) => void response.writeHead(500).end('{"status":"ok"}')],
    ['tells without end', (_request, response) => pour(response)],
    [
      'has too many series',
      (request, response) =>
        void response.end(
          request.url === '/health'
            ? '{"status":"ok"}'
            : Array.from({ length: 6000 }, (_, n) => `ai_cube_requests_total{endpoint="${n}"} 1\n`).join(''),
        ),
    ],
    ['is gone', 'http://127.0.0.1:1'],
  ])('one that %s', async (_what, answer) => {
    await startCube('one');
    await startImpostor('ai-cube', answer);
    const { collector, read } = collecting();
    const collected = collector.collect();
    await until('the well one to be up', async () => (await read('cube_up', { cube_id: 'saju-cube' })) === 1, 1900);
    await collected;
    expect(await read('cube_up', { cube_id: 'ai-cube', instance_id: 'impostor' })).toBe(0);
    expect(await read('cube_collections_total', { cube_id: 'ai-cube', outcome: 'failed' })).toBe(1);
    expect(await read('cube_collections_total', { cube_id: 'saju-cube', outcome: 'ok' })).toBe(1);
  });

  test('and is not polled again before it has answered', async () => {
    let asked = 0;
    await startImpostor('ai-cube', () => void asked++);
    const { collector, read } = collecting();
    const first = collector.collect();
    await until('both questions', () => asked === 2);
    const second = collector.collect();
    await Promise.all([first, second]);
    expect(asked).toBe(2);
    expect(await read('cube_collections_total', { cube_id: 'ai-cube', outcome: 'skipped' })).toBe(1);
  });

  test('keeps its last samples, with their age', async () => {
    let ill = false;
    await startImpostor('ai-cube', (request, response) => (ill ? response.destroy() : good(request, response)));
    const { collector, read } = collecting();
    await collector.collect();
    ill = true;
    now = new Date(now.getTime() + 12_000);
    await collector.collect();
    expect(await read('cube_up', { cube_id: 'ai-cube' })).toBe(0);
    expect(await read('ai_cube_requests_total', {})).toBe(7);
    expect(await read('cube_collection_age_seconds', { cube_id: 'ai-cube' })).toBe(12);
  });
});

describe('an instance that leaves the registry', () => {
  const watching = async (): Promise<CubeMetricsCollector> => {
    const { collector } = collecting();
    await collector.collect();
    expect(collector.watched()).toHaveLength(1);
    return collector;
  };
  /** Its heartbeats stop, and its entry stays. */
  const kill = async (registration: Registration) => {
    const key = 'cubeshift:instances:ai-cube';
    const entry = JSON.parse((await redis.hget(key, 'impostor')) ?? '') as InstanceEntry;
    await registration.close();
    await redis.hset(
      key,
      'impostor',
      JSON.stringify({ ...entry, heartbeat_at: entry.heartbeat_at - heartbeatTimeoutMillis }),
    );
  };

  test('is removed at once when it removed its entry', async () => {
    const registration = await startImpostor('ai-cube', good);
    const collector = await watching();
    await registration.close();
    await collector.collect();
    expect(collector.watched()).toEqual([]);
  });

  test('is removed at once when it was draining', async () => {
    const registration = await startImpostor('ai-cube', good);
    await registration.setState('draining');
    const collector = await watching();
    await kill(registration);
    await collector.collect();
    expect(collector.watched()).toEqual([]);
  });

  test('is reported as down for five minutes without a clean shutdown, also once its entry is gone', async () => {
    const registration = await startImpostor('ai-cube', good);
    const collector = await watching();
    await kill(registration);
    await collector.collect();
    expect(collector.watched()).toHaveLength(1);
    await redis.del('cubeshift:instances:ai-cube');
    now = new Date(now.getTime() + 299_000);
    await collector.collect();
    expect(collector.watched()).toHaveLength(1);
    now = new Date(now.getTime() + 2000);
    await collector.collect();
    expect(collector.watched()).toEqual([]);
  });

  test('is reported as down when the registry could not be read until its entry was gone', async () => {
    const registration = await startImpostor('ai-cube', good);
    const collector = await watching();
    await registration.close();
    now = new Date(now.getTime() + 60_000);
    await collector.collect();
    expect(collector.watched()).toHaveLength(1);
  });
});

test('polls the known instances while the registry is away', async () => {
  await startImpostor('ai-cube', good);
  const { collector, read } = collecting();
  await collector.collect();
  await server.kill();
  now = new Date(now.getTime() + 3_600_000);
  await collector.collect();
  await server.revive();
  expect(await read('cube_up', { cube_id: 'ai-cube' })).toBe(1);
  expect(await read('cube_collection_age_seconds', { cube_id: 'ai-cube' })).toBe(0);
  expect(await read('cube_registry_reads_total', { outcome: 'failed' })).toBeGreaterThan(0);
});

test('the program watches the cubes that are there, itself among them', async () => {
  await startCube('one');
  const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'src', 'services', 'monitoring', 'main.js')], {
    env: { PATH: process.env.PATH, REDIS_URL: server.url, CUBE_JWT_SECRET: secret, CUBE_PORT: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const { url } = await until('the entry', async () =>
      (await readInstances(redis, 'monitoring-cube')).find(({ state }) => state === 'ready'),
    );
    const told = await until(
      'both to be up',
      async () => {
        const text = await (await fetch(`${url}/metrics`)).text();
        const up = readMetricsText(text).samples.filter(({ name, value }) => name === 'cube_up' && value === 1);
        return up.length === 2 && text;
      },
      30_000,
    );
    for (const name of ['monitoring_cube_requests_total', 'saju_cube_requests_total', 'cube_collections_total'])
      expect(told.match(new RegExp(`^# TYPE ${name} `, 'gm'))).toHaveLength(1);
  } finally {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await gone).toEqual([0, null]);
  }
});

function pour(response: Parameters<RequestListener>[1]): void {
  const chunk = 'ai_cube_requests_total 1\n'.repeat(4000);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}
