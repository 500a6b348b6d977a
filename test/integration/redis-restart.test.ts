import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connectRedisOnce } from '../../src/redis/connection.js';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { redisProcess, redisUrl } from '../../src/stack/servers/redis-server.js';
import { StackHome } from '../../src/state/home.js';
import { choosePort } from '../../src/state/ports.js';
import { readFlags, writeFlags } from '../../src/traffic/flags.js';
import { until } from '../support/conditions.js';

const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-redis-restart-')));
let server: ChildProcess | undefined;

afterAll(async () => {
  await end('SIGKILL');
  rmSync(home.folder, { recursive: true, force: true });
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  "the stack's Redis has weights, and who set them, after a %s",
  async (signal) => {
    const program = await ensureArtifact('redis', defaultCacheFolder(process.env), () => undefined);
    const place = { program, port: await choosePort(0, new Set()), password: 'secret' };
    const spec = redisProcess(home, place);
    const start = async () => {
      const started = spawn(spec.command, [...spec.args], { stdio: 'ignore', env: { ...spec.env } });
      server = started;
      await until('redis to be ready', () => spec.ready(started.pid ?? 0));
    };
    await start();
    const { connection: redis, connected } = connectRedisOnce(redisUrl(place), 5000);
    await connected;
    await writeFlags(redis, 'saju', { percentage: 33, deny: ['user-7'] }, { by: 'operator', why: signal });
    const before = await readFlags(redis, 'saju');
    expect(before).toMatchObject({ percentage: 33, changed: { by: 'operator', why: signal } });
    redis.disconnect();
    await end(signal);
    await start();
    const { connection: again, connected: connectedAgain } = connectRedisOnce(redisUrl(place), 5000);
    await connectedAgain;
    expect(await readFlags(again, 'saju')).toEqual(before);
    again.disconnect();
    await end('SIGTERM');
  },
);

async function end(signal: NodeJS.Signals): Promise<void> {
  if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill(signal);
  await gone;
}
