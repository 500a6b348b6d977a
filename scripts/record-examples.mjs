// Records the examples of the OpenAPI document: real answers of the control API, of each operation and status one. To be called
// when the fields of an answer change: test/integration/openapi-document.test.ts fails until then. An example with the same
// fields as before stays; `{}` in the file of examples records all anew.
import { spawnSync } from 'node:child_process';
import { prepare } from './prepare.mjs';

prepare();
const [test, examples] = [
  'test/integration/openapi-document.test.ts',
  'src/services/control/openapi/recorded-examples.json',
];
const run = (program, args, env = {}) =>
  spawnSync(process.execPath, [`node_modules/${program}`, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 1, 2],
  }).status ?? 1;
process.exitCode =
  run('vitest/vitest.mjs', ['run', test], { CUBESHIFT_RECORD_EXAMPLES: '1' }) ||
  run('@biomejs/biome/bin/biome', ['format', '--write', examples]);
