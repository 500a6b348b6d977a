import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand, type Said } from '../support/command-line.js';
import { S3Server } from '../support/s3-server.js';

/** What the command line says of the variables of a store at an S3 server. */
let server: S3Server;
let root: string;
beforeAll(async () => {
  server = await S3Server.start();
  root = mkdtempSync(join(tmpdir(), 'cubeshift-s3-variables-'));
});
afterAll(async () => {
  await runCommand(['down', '--purge'], variables());
  await server?.stop();
  rmSync(root, { recursive: true, force: true });
});

/** What other S3 programs would use. */
function strangersSettings(): Readonly<Record<string, string>> {
  const home = join(root, 'person');
  mkdirSync(join(home, '.aws'), { recursive: true });
  const [key, secret] = ['strangers-key', 'strangers-secret'];
  writeFileSync(
    join(home, '.aws', 'credentials'),
    `[default]\naws_access_key_id=${key}\naws_secret_access_key=${secret}\n`,
  );
  writeFileSync(join(home, '.aws', 'config'), '[default]\nregion=eu-west-1\nendpoint_url=http://127.0.0.1:1\n');
  return {
    HOME: home,
    AWS_ACCESS_KEY_ID: key,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_SESSION_TOKEN: 'strangers-token',
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
    AWS_PROFILE: 'none',
  };
}

const variables = (wrong: Readonly<Record<string, string>> = {}) => ({
  ...strangersSettings(),
  ...server.environment(server.settings('prefix')),
  ...wrong,
  CUBESHIFT_HOME: join(root, 'home'),
});

test('check finds a bucket by the variables of the engine alone', async () => {
  const { code, stdout } = await runCommand(['check'], variables());
  expect(stdout).toContain(`the S3 server ${server.endpoint} answers, bucket ${server.bucket}, with nothing stored`);
  expect(code).toBe(0);
});

test.each([
  [
    'a secret of another key',
    { CUBE_STORAGE_SECRET_KEY: 'wrong-secret' },
    'CUBE_STORAGE_SECRET_KEY is not the secret of',
  ],
  ['an unknown key', { CUBE_STORAGE_ACCESS_KEY: 'wrong-key' }, 'does not know CUBE_STORAGE_ACCESS_KEY'],
  ['a bucket that is missing', { CUBE_STORAGE_URL: 's3://no-such-bucket/a' }, 'has no bucket no-such-bucket'],
  ['a server that is away', { CUBE_STORAGE_ENDPOINT: 'http://127.0.0.1:1' }, 'cannot be reached'],
  ['a variable that is missing', { CUBE_STORAGE_ENDPOINT: '' }, 'CUBE_STORAGE_ENDPOINT is not set'],
] as const)('check and up say of %s what is wrong and what to do', async (_, wrong, sentence) => {
  const environment = variables(wrong);
  const checked = await runCommand(['check'], environment);
  expect(checked.code).not.toBe(0);
  expect(checked.stdout).toMatch(new RegExp(`^wrong +CUBE_STORAGE_URL .*${sentence}`, 'm'));
  expectNoSecrets(checked);
});

test('up stops at such a fault before it starts anything', async () => {
  const environment = variables({ CUBE_STORAGE_URL: 's3://no-such-bucket/a' });
  const started = await runCommand(['up', '--detach'], environment);
  expect(started.code).not.toBe(0);
  const lines = started.stderr.trim().split('\n');
  const found = lines.findIndex((line) => line.includes('has no bucket no-such-bucket'));
  // What is wrong, what is safe, what to do.
  expect(lines.slice(found, found + 3)).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/\.$/)));
  expect((await runCommand(['ps', '--json'], environment)).stdout).not.toContain('pid');
  expectNoSecrets(started);
});

function expectNoSecrets({ stdout, stderr }: Said): void {
  for (const secret of ['wrong-secret', 'wrong-key', server.secretKey, server.accessKey, 'strangers'])
    expect(stdout + stderr).not.toContain(secret);
}
