import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, testSecret } from '../support/engine.js';
import { pythonPackages } from '../support/python-packages.js';

/** The control API through a client that a common generator makes of its OpenAPI document, without a line by hand. */
const run = promisify(execFile);
const records = 2000;
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-generated-'));
let databases: TestDatabases;
let engine: Engine;
let generator: string;

beforeAll(async () => {
  databases = await createDatabases(records);
  engine = await Engine.start(databases);
  generator = await pythonPackages('openapi-python-client-0.29.1', 'generator-requirements.txt');
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** What the generator needs. */
const isPythonNewEnough = execFileSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 11))'])
  .toString()
  .startsWith('True');

test.skipIf(!isPythonNewEnough)('starts a migration, follows it to its end, and gets problems as such', async () => {
  const { openapi, client } = { openapi: join(folder, 'openapi.json'), client: join(folder, 'control_api') };
  writeFileSync(openapi, await (await fetch(`${engine.url}/openapi.json`)).text());
  const config = join(folder, 'config.yaml');
  // Nothing reformats what was generated: it is run, not read.
  writeFileSync(config, 'post_hooks: []\n');
  const env = { PATH: process.env.PATH, PYTHONPATH: [generator, folder].join(delimiter) };
  const options = ['--meta', 'none', '--output-path', client, '--config', config, '--fail-on-warning'];
  await run('python3', ['-m', 'openapi_python_client', 'generate', '--path', openapi, ...options], { env });

  const permissions = ['migration:read', 'migration:write', 'records:read'];
  const { token } = issueCubeToken(testSecret, { cubeId: 'python', permissions }, new Date());
  const program = join(packageRoot(), 'test', 'outside', 'generated_client.py');
  const { stdout } = await run('python3', [program], {
    env: { ...env, CONTROL_URL: engine.url, CUBESHIFT_TOKEN: token },
  });
  const { events, ...rest } = JSON.parse(stdout) as { events: [string, string][] };
  expect(rest).toEqual({
    health: 'ok',
    started: [202, 'from-python', 'saju-records'],
    rests: ['waiting', 'verified', records],
    early: [true, 409, true],
    rejects: databases.rejected.size,
    accepted: 202,
    unknown: [404, 'not_found', 'There is no migration not-there.'],
  });
  expect(events[0]).toEqual(['stage', 'running']);
  expect(events.at(-1)).toEqual(['end', 'completed']);
});
