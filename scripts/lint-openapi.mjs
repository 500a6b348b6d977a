// Starts the built control API without its servers, which it needs for no answer about itself, and has Redocly check the
// OpenAPI document that it serves.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepare } from './prepare.mjs';

prepare();
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-openapi-'));
const [port, closedPort] = [await freePort(), await freePort()];
const control = spawn(process.execPath, [join('dist', 'src', 'services', 'control', 'main.js')], {
  env: {
    CONTROL_PORT: String(port),
    CUBE_DATABASE_URL: `postgres://nobody@127.0.0.1:${closedPort}/none`,
    REDIS_URL: `redis://127.0.0.1:${closedPort}`,
    TEMPORAL_ADDRESS: `127.0.0.1:${closedPort}`,
    CUBE_JWT_SECRET: 'of no use: the document needs no token',
    STATE_DIR: folder,
    LOG_LEVEL: 'fatal',
  },
  stdio: ['ignore', 'ignore', 'inherit'],
});
const gone = once(control, 'exit');
try {
  const file = join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(JSON.parse(await document()), null, 2));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join('node_modules', '@redocly', 'cli', 'bin', 'cli.js'),
      'lint',
      '--config=redocly.yaml',
      '--max-problems=10',
      file,
    ],
    {
      env: { PATH: process.env.PATH, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      encoding: 'utf8',
    },
  );
  // With nothing to report it still writes about versions of Node.js.
  if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  control.kill('SIGKILL');
  await gone;
  rmSync(folder, { recursive: true, force: true });
}

async function document() {
  for (let attempt = 0; attempt < 300 && control.exitCode === null; attempt++) {
    const response = await fetch(`http://127.0.0.1:${port}/openapi.json`).catch(() => undefined);
    if (response?.ok) return response.text();
    await sleep(100);
  }
  throw new Error('the control API did not serve its document');
}

/** A port that nothing listens on. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address();
  server.close();
  await once(server, 'close');
  return free;
}
