import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Failure, failureRule, failureTypes } from '../../../src/base/failures.js';
import { createControlClient } from '../../../src/cli/control-client.js';
import { failureLines, usageLines } from '../../../src/cli/failure-lines.js';
import { createProgram } from '../../../src/cli/program.js';
import { problemOf } from '../../../src/http/problem.js';
import { runCommand, type Variables } from '../../support/command-line.js';

/** A control API that answers every request with the problem of one failure. */
let api: Server;
let failure: Failure;
let variables: Variables;
const before = { ...process.env };
const home = mkdtempSync(join(tmpdir(), 'cubeshift-failure-lines-'));

beforeAll(async () => {
  api = createServer((_, response) => {
    const problem = { ...problemOf(failure), safe: failure.safe };
    response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  variables = { CONTROL_URL: url, CUBE_JWT_SECRET: 'a secret of thirty-two bytes or more', CUBESHIFT_HOME: home };
  Object.assign(process.env, variables);
});
afterAll(() => {
  api.close();
  for (const name of Object.keys(variables))
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  rmSync(home, { recursive: true, force: true });
});

test.each(failureTypes)('%s says what happened, what is safe and what to type, a sentence each', (type) => {
  const lines = failureLines(new Failure(type, 'So it is.'));
  expect(lines).toEqual(['So it is.', failureRule(type).safe, failureRule(type).hint]);
  for (const line of lines) expect(line).toMatch(/^[A-Z][^\n]*\.$/);
  expect(new Set(lines).size).toBe(3);
});

test.each(failureTypes)('%s reads the same from the control API as from the command line', async (type) => {
  failure = new Failure(type, 'So it is.');
  const answered = await createControlClient(undefined)
    .call('GET', '/v1/migrations')
    .catch((error: unknown) => error);
  expect(failureLines(answered as Failure)).toEqual(failureLines(failure));
});

test('what the place of failure knows better reaches the person, from the control API too', async () => {
  failure = new Failure('conflict', 'It exists.', { safe: 'It stays as it is.', hint: 'Name another.' });
  const { stderr } = await runCommand(['migrate', 'list'], variables);
  expect(stderr).toBe('It exists.\nIt stays as it is.\nName another.\n');
});

test.each([
  [
    ['migrat'],
    "Unknown command 'migrat'.\nNothing was done.\nDid you mean migrate? `cubeshift --help` shows an example.",
  ],
  [
    ['migrate', 'statsu', 'one'],
    "Unknown command 'statsu'.\nNothing was done.\nDid you mean status? `cubeshift migrate --help` shows an example.",
  ],
  [
    ['migrate', 'start', 'saju-records', '--wiat'],
    "Unknown option '--wiat'.\nNothing was done.\nDid you mean --wait? `cubeshift migrate start --help` shows an example.",
  ],
  [
    ['events', 'first'],
    "Unknown command 'events'.\nNothing was done.\nDid you mean migrate events? `cubeshift --help` shows an example.",
  ],
  [
    ['migrate', 'deploy'],
    "Unknown command 'deploy'.\nNothing was done.\nDid you mean cubes deploy? `cubeshift migrate --help` shows an example.",
  ],
  [
    ['rollback'],
    "Unknown command 'rollback'.\nNothing was done.\nDid you mean migrate rollback, cubes rollback or models rollback? `cubeshift --help` shows an example.",
  ],
  [
    ['events', '--help'],
    "Unknown command 'events'.\nNothing was done.\nDid you mean migrate events? `cubeshift --help` shows an example.",
  ],
  [
    ['migrate', 'statsu', '--help'],
    "Unknown command 'statsu'.\nNothing was done.\nDid you mean status? `cubeshift migrate --help` shows an example.",
  ],
  [
    ['help', 'trafic'],
    "Unknown command 'trafic'.\nNothing was done.\nDid you mean traffic? `cubeshift --help` shows an example.",
  ],
  [
    ['help', 'migrate', 'xyz'],
    "Unknown command 'xyz'.\nNothing was done.\n`cubeshift migrate --help` shows an example.",
  ],
  [
    ['migrate', 'help', 'statsu'],
    "Unknown command 'statsu'.\nNothing was done.\nDid you mean status? `cubeshift migrate --help` shows an example.",
  ],
  [
    ['migrate', 'status'],
    "Missing required argument 'id'.\nNothing was done.\n`cubeshift migrate status --help` shows an example.",
  ],
  [
    ['traffic', 'set', 'saju', '101'],
    "Command-argument value '101' is invalid for argument 'percentage'. It must be a whole number from 0 to 100.\nNothing was done.\n`cubeshift traffic set --help` shows an example.",
  ],
])('a wrong command line, %j, is said in the same form, with the near word', (args, expected) => {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const program = createProgram({ json: () => undefined, line: () => undefined, print: say, copy: say, talk: say });
  expect(() => program.parse(args, { from: 'user' })).toThrow();
  expect(said.join('\n')).toBe(expected);
});

test.each([
  [['--help']],
  [['migrate', '--help']],
  [['help']],
  [['help', 'migrate']],
  [['migrate', 'events', '--help']],
])('%j shows help', (args) => {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const program = createProgram({ json: () => undefined, line: () => undefined, print: say, copy: say, talk: say });
  expect(() => program.parse(args, { from: 'user' })).toThrow(expect.objectContaining({ exitCode: 0 }));
  expect(said.join('\n')).toMatch(/^Usage: /);
});

test('what commander says has three parts whatever it says', () => {
  expect(usageLines('error: too many', ['up'])).toEqual([
    'Too many.',
    'Nothing was done.',
    '`cubeshift up --help` shows an example.',
  ]);
});
