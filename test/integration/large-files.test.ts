import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { cubeSecret, userSecret } from '../support/gateway.js';
import { OwnRedis } from '../support/own-redis.js';
import { ServiceProcess } from '../support/service-process.js';

/** Gateway and paperwork cube as the programs that `up` starts: a gibibyte goes up and down, and neither grows with it. */
const root = mkdtempSync(join(tmpdir(), 'large-files-'));
const folder = join(root, 'files');
const gibibyte = 1024 ** 3;
const maxGrowth = 100 * 1024 ** 2;
let redis: OwnRedis;
let connection: RedisConnection;
let databases: TestDatabases;
let cube: ServiceProcess;
let gateway: ServiceProcess;

beforeAll(async () => {
  mkdirSync(folder);
  databases = await createDatabases(0);
  redis = await OwnRedis.start();
  connection = connectRedis(redis.url, { onError: () => undefined });
  await until('redis', () => connection.status === 'ready');
  await connection.set('paperwork_cube_user_percentage', '100');
  const shared = { REDIS_URL: redis.url, CUBE_JWT_SECRET: cubeSecret };
  cube = await ServiceProcess.start('paperwork', {
    ...shared,
    LEGACY_DATABASE_URL: databases.legacyUrl,
    CUBE_DATABASE_URL: databases.cubeUrl,
    LEGACY_STORAGE_DIR: folder,
    CUBE_STORAGE_URL: join(root, 'store'),
  });
  gateway = await ServiceProcess.start('gateway', { ...shared, USER_JWT_SECRET: userSecret, STATE_DIR: root });
  await until(
    'the gateway to know the cube',
    async () => (await fetch(`${gateway.url}/api/paperwork/files/1`)).status === 200,
  );
});
afterAll(async () => {
  await gateway?.end('SIGTERM');
  await cube?.end('SIGTERM');
  connection?.disconnect();
  await redis?.stop();
  await databases?.drop();
  rmSync(root, { recursive: true, force: true });
});

test('a gibibyte is uploaded and downloaded with flat memory', async () => {
  // What any file takes is no growth with its size.
  await download((await upload(64 * 1024 ** 2)).id);
  const before = { gateway: peakOf(gateway), cube: peakOf(cube) };
  const { id, sha256, path } = await upload(gibibyte);
  expect(statSync(join(folder, path)).size).toBe(gibibyte);
  expect(await download(id)).toBe(sha256);
  expect(peakOf(gateway) - before.gateway).toBeLessThan(maxGrowth);
  expect(peakOf(cube) - before.cube).toBeLessThan(maxGrowth);
});

test('of a client that leaves in the middle of a large upload nothing stays', async () => {
  const before = peakOf(cube);
  await expect(upload(gibibyte, gibibyte / 4)).rejects.toThrow();
  const left = () =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.part'));
  await until('nothing to be left', () => left().length === 0);
  expect(peakOf(cube) - before).toBeLessThan(maxGrowth);
});

/** Uploads so many bytes, and breaks off after `stopAt` of them. */
async function upload(bytes: number, stopAt = Number.POSITIVE_INFINITY) {
  const head = Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n');
  const tail = Buffer.from('\r\n--b--\r\n');
  const req = request(`${gateway.url}/api/paperwork/files`, {
    method: 'POST',
    headers: {
      'x-user-id': 'alice',
      'content-type': 'multipart/form-data; boundary=b',
      'content-length': head.length + bytes + tail.length,
    },
  });
  const answered = once(req, 'response');
  answered.catch(() => undefined);
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(1024 * 1024);
  req.write(head);
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    if (sent >= stopAt) {
      req.destroy();
      await answered;
    }
    chunk.writeUInt32LE(sent / chunk.length, 0);
    hash.update(chunk);
    if (!req.write(Buffer.from(chunk))) await Promise.race([once(req, 'drain'), answered]);
  }
  req.end(tail);
  const [response] = await answered;
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  expect(response.statusCode).toBe(201);
  const { id, path } = JSON.parse(Buffer.concat(parts).toString()) as { id: number; path: string };
  return { id, path, sha256: hash.digest('hex') };
}

async function download(id: number): Promise<string> {
  const req = request(`${gateway.url}/api/paperwork/files/${id}/content`, { headers: { 'x-user-id': 'alice' } }).end();
  const [response] = await once(req, 'response');
  expect([response.statusCode, response.headers['x-cube-target']]).toEqual([200, 'cube']);
  const hash = createHash('sha256');
  for await (const chunk of response) hash.update(chunk);
  return hash.digest('hex');
}

/** The largest resident size that a process has had, in bytes. */
function peakOf({ pid }: ServiceProcess): number {
  const [, kibibytes = ''] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
