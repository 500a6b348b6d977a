import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { connectRedis } from '../../src/redis/connection.js';
import { until } from '../support/conditions.js';
import { cubeSecret, TestUpstream, userSecret } from '../support/gateway.js';
import { OwnRedis } from '../support/own-redis.js';
import { pythonPackages } from '../support/python-packages.js';
import { registerInstance } from '../support/registry.js';
import { ServiceProcess } from '../support/service-process.js';

/** A program in another language, by its own libraries, against gateway and security cube as processes. */
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-outside-'));
const stops: (() => Promise<unknown>)[] = [];
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  const redis = await OwnRedis.start();
  stops.push(() => redis.stop());
  const connection = connectRedis(redis.url, { onError: () => undefined });
  stops.push(async () => connection.disconnect());
  await until('redis', () => connection.status === 'ready');
  const [legacy, cube] = await Promise.all([TestUpstream.start('legacy'), TestUpstream.start('cube')]);
  stops.push(
    () => legacy.stop(),
    () => cube.stop(),
  );
  const entry = { cube_id: 'saju-cube', instance_id: 'one', version: '1.0.0', state: 'ready', started_at: 0 } as const;
  const registration = registerInstance(connection, { ...entry, url: cube.url }, { secret: cubeSecret });
  stops.push(() => registration.close());
  const secrets = { REDIS_URL: redis.url, CUBE_JWT_SECRET: cubeSecret, USER_JWT_SECRET: userSecret };
  const gateway = await ServiceProcess.start('gateway', {
    ...secrets,
    LEGACY_SAJU_URL: legacy.url,
    STATE_DIR: folder,
    GATEWAY_ADDRESS_RATE_PER_SECOND: '0',
  });
  stops.push(() => gateway.end('SIGKILL'));
  const security = await ServiceProcess.start('security', { ...secrets, AUDIT_DATABASE_URL: '' });
  stops.push(() => security.end('SIGKILL'));
  environment = {
    ...secrets,
    PATH: process.env.PATH,
    PYTHONPATH: await pythonPackages('outside-client-2', 'requirements.txt'),
    GATEWAY_URL: gateway.url,
    SECURITY_URL: security.url,
  };
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  rmSync(folder, { recursive: true, force: true });
});

test('tokens of PyJWT, flags of redis-py and buckets of hashlib agree with ours, user by user', async () => {
  const program = join(packageRoot(), 'test', 'outside', 'client.py');
  const { stdout } = await run('python3', [program], { env: environment });
  const invalid = { valid: false, error: expect.any(String) };
  expect(JSON.parse(stdout)).toEqual({
    buckets: [19, 12, 70, 32],
    disagreeing: { 0: [], 13: [], 37: [], 70: [], 71: [], 100: [] },
    closed: ['legacy'],
    nonsense: ['cube'],
    issued: [201, 'ai-cube', ['saju:call'], 3600],
    validated: {
      right: { valid: true, cube_id: 'ai-cube', permissions: ['saju:call'] },
      expired: { valid: false, error: 'Token expired' },
      'wrong key': invalid,
      none: invalid,
      issuer: invalid,
    },
    users: {
      right: 200,
      expired: 401,
      future: 401,
      'no end': 401,
      none: 401,
      'wrong key': 401,
      'other algorithm': 401,
      "a cube's, for nobody": 200,
    },
  });
});
