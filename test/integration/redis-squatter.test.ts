import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectRedis, connectRedisOnce, type RedisConnection } from '../../src/redis/connection.js';
import { probeRedis } from '../../src/redis/probe.js';
import { until } from '../support/conditions.js';
import { cubeSecret } from '../support/gateway.js';
import { OwnRedis } from '../support/own-redis.js';
import { ServiceProcess } from '../support/service-process.js';
import { canBeStranger, listeningStranger } from '../support/stranger.js';

/** While the stack's Redis is down, another local user's program takes its port. */
const owner = process.geteuid?.() ?? 0;
const comings = (heard: string) => heard.split('somebody came').length - 1;
const onError = () => undefined;
let server: OwnRedis;
let url: string;
let connections: RedisConnection[];

beforeEach(async () => {
  server = await OwnRedis.start();
  url = server.url.replace('//', '//default:the-password@');
  connections = [];
});
afterEach(async () => {
  for (const connection of connections) connection.disconnect();
  await server.stop();
});

function connect(options: Parameters<typeof connectRedis>[1]): RedisConnection {
  const connection = connectRedis(url, options);
  connections.push(connection);
  return connection;
}

async function squat() {
  await server.kill();
  return listeningStranger(Number(new URL(url).port));
}

describe.skipIf(!canBeStranger)("another user's program on Redis' port", () => {
  test('gets the password from a client that does not check whose server it is', async () => {
    connect({ onError });
    const stranger = await squat();
    await until('the password', () => stranger.heard().includes('the-password'));
    await stranger.told();
  });

  test('hears nothing from a program of the stack, which is back once Redis is', async () => {
    const errors: Error[] = [];
    const sentences: string[] = [];
    const onStranger = (sentence: string) => sentences.push(sentence);
    const connection = connect({ serverUserId: owner, onStranger, onError: (error) => errors.push(error) });
    await until('Redis', () => connection.status === 'ready');
    const listener = connection.duplicate();
    connections.push(listener);
    listener.on('error', onError);
    await until('Redis', () => listener.status === 'ready');

    const stranger = await squat();
    await until('both to have come three times', () => comings(stranger.heard()) >= 6);
    expect((await stranger.told()).replaceAll('somebody came', '')).toBe('');
    const sentence = `Port ${stranger.port} of 127.0.0.1 is held by another user's program (user id 65534), not by the stack's Redis: it received nothing.`;
    expect(errors.map(({ message }) => message)).toContain(sentence);
    // Once, not at every look.
    expect(sentences).toEqual([sentence]);

    await server.revive();
    await until('Redis again', () => connection.status === 'ready' && listener.status === 'ready');
    expect(await connection.ping()).toBe('PONG');
  });

  test('hears nothing from a single look either', async () => {
    const stranger = await squat();
    const { connection, connected } = connectRedisOnce(url, 1000, owner);
    await expect(connected).rejects.toThrow("is held by another user's program (user id 65534)");
    connection.disconnect();
    await expect(probeRedis(url, owner)).rejects.toThrow("is held by another user's program (user id 65534)");
    expect((await stranger.told()).replaceAll('somebody came', '')).toBe('');
  });

  test('hears nothing from a gateway that the stack runs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-squatter-'));
    const gateway = await ServiceProcess.start('gateway', {
      REDIS_URL: url,
      REDIS_SERVER_UID: String(owner),
      CUBE_JWT_SECRET: cubeSecret,
      STATE_DIR: folder,
      INSTANCE_NETWORKS: '127.0.0.1',
    });
    try {
      const stranger = await squat();
      await until('the gateway to have come five times', () => comings(stranger.heard()) >= 5);
      expect((await stranger.told()).replaceAll('somebody came', '')).toBe('');
      expect(gateway.said).toContain("is held by another user's program (user id 65534)");
    } finally {
      await gateway.end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('a server of this user gets the password, also one that was never away', async () => {
  expect(await probeRedis(url, owner)).toMatch(/^\d+\.\d+/);
});

test('a program that never accepts a connection gets nothing, and the client gives up in time', async () => {
  const errors: string[] = [];
  await server.kill();
  // Stands for one that is frozen: the kernel connects, and nobody takes the connection.
  const frozen = await frozenListener(Number(new URL(url).port));
  connect({ serverUserId: owner, onError: ({ message }) => errors.push(message) });
  await until('the error', () => errors.some((message) => message.includes('does not take the connection')));
  await frozen.close();
});

/** A listener of this user in a process that was stopped. */
async function frozenListener(port: number) {
  const program = `require('node:net').createServer().listen(${port}, '127.0.0.1', () => process.stdout.write('listens'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  return {
    close: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
