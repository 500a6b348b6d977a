import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { runAtTerminal, runCommand, type Said, startCommand, type Variables } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, testSecret } from '../support/engine.js';

/** The command line against a control API that CONTROL_URL names; each exit code is shown at least once. */
let databases: TestDatabases;
let engine: Engine;
let folder: string;
let variables: Variables;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-cli-'));
  databases = await createDatabases(2000);
  engine = await Engine.start({ ...databases, apart: ['control'] });
  variables = { CONTROL_URL: engine.url, CUBE_JWT_SECRET: testSecret, CUBESHIFT_HOME: join(folder, 'home') };
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
  rmSync(folder, { recursive: true, force: true });
});

function cubeshift(...args: readonly string[]): Promise<Said> {
  return runCommand(args, variables);
}

test.each([
  ['a command nobody knows', ['fly']],
  ['a kind nobody knows', ['migrate', 'start', 'users']],
  ['a kind of a later version', ['migrate', 'start', 'crawler-jobs']],
  ['an id that is none', ['migrate', 'start', 'saju-records', '--id', 'Not An Id']],
  ['a mode that does not exist', ['migrate', 'start', 'saju-records', '--mode', 'live']],
  ['a release of a file that is not there', ['release', 'add', 'saju-cube', '2', './missing']],
  ['an unknown setting', ['migrate', 'start', 'saju-records', '--option', 'lane=4']],
  ['a setting without a value', ['migrate', 'start', 'saju-records', '--option', 'lanes']],
  ['a setting that does not know a word', ['migrate', 'start', 'saju-records', '--option', 'unmapped_columns=drop']],
  ['a missing argument', ['migrate', 'status']],
  ['a token without permissions', ['token', '--cube-id', 'x']],
  ['a count that is none', ['up', '--records', 'many']],
  ['rejects accepted by nobody', ['migrate', 'rejects', 'one', '--accept']],
  ['rejects retried and accepted', ['migrate', 'rejects', 'one', '--retry', '--accept']],
  ['a retry with options of listing', ['migrate', 'rejects', 'one', '--retry', '--export', 'x.csv']],
  ['a retry of a row and a reason', ['migrate', 'rejects', 'one', '--retry', '--id', '1', '--reason', 'date_invalid']],
  ['a format without an export', ['migrate', 'rejects', 'one', '--format', 'csv']],
  ['an export whose name says no format', ['migrate', 'rejects', 'one', '--export', 'rejects.xlsx']],
  ['a resolution that is none', ['migrate', 'rejects', 'one', '--resolution', 'gone']],
  ['a limit that is none', ['migrate', 'rejects', 'one', '--limit', '0']],
  ['an option where a user is missing', ['traffic', 'set', 'saju', '--allow', '--deny']],
  ['an option behind a user list without users', ['traffic', 'set', 'saju', '--deny', '--json']],
  ['a percentage that is none', ['traffic', 'set', 'saju', '101']],
  ['a ramp to nobody', ['traffic', 'ramp', 'saju', '--target', '0']],
  ['a ramp of steps that are none', ['traffic', 'ramp', 'saju', '--steps', '1,,5']],
  ['a ramp of no cube', ['traffic', 'ramp']],
  ['a stop of no cube', ['traffic', 'stop']],
  ['a report that is no JSON', ['report', 'verify', '/dev/null']],
])('%s is wrong usage: exit code 2, with a sentence on stderr', async (_what, args) => {
  const { code, stdout, stderr } = await cubeshift(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.trim()).not.toBe('');
  expect(stderr).not.toMatch(/\bat .*:\d+:\d+/);
});

test('an unknown kind is answered with those that this version moves', async () => {
  expect((await cubeshift('migrate', 'start', 'users')).stderr).toContain('The kinds are saju-records');
});

test.each([
  ['CONTROL_URL', 'not a url', 'CONTROL_URL must be a URL such as http://127.0.0.1:8090'],
  ['CUBE_JWT_SECRET', 'short', 'CUBE_JWT_SECRET must be 32 bytes or more'],
])('a malformed %s is one sentence and exit code 2', async (name, value, sentence) => {
  const { code, stderr } = await runCommand(['migrate', 'list'], { ...variables, [name]: value });
  expect(code).toBe(2);
  expect(stderr).toContain(sentence);
  expect(stderr).not.toContain(value);
});

test('a control API that is not there is exit code 3', async () => {
  const away = { ...variables, CONTROL_URL: 'http://127.0.0.1:1' };
  const { code, stdout, stderr } = await runCommand(['migrate', 'list', '--json'], away);
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toContain('The control API at http://127.0.0.1:1 cannot be reached.');
});

test('without a stack and without CONTROL_URL it says so: exit code 3', async () => {
  const { code, stderr } = await runCommand(['migrate', 'list'], { CUBESHIFT_HOME: join(folder, 'none') });
  expect(code).toBe(3);
  expect(stderr).toContain('There is no stack in');
});

test('a token can be checked by hand', async () => {
  const { code, stdout } = await cubeshift(
    'token',
    '--cube-id',
    'saju-cube',
    '--permissions',
    'migration:read,saju:call',
  );
  expect(code).toBe(0);
  const [head = '', body = '', signature] = stdout.trim().split('.');
  expect(createHmac('sha256', testSecret).update(`${head}.${body}`).digest('base64url')).toBe(signature);
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({ alg: 'HS256' });
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  expect(claims).toEqual({
    cube_id: 'saju-cube',
    permissions: ['migration:read', 'saju:call'],
    iss: 'heal7-security-cube',
    iat: expect.any(Number),
    exp: claims.iat + 3600,
  });
});

test('a reader who leaves before the end of the output is no error', async () => {
  const script = `'${process.execPath}' '${join(packageRoot(), 'bin', 'cubeshift.mjs')}' "$@" | true; echo \${PIPESTATUS[0]}`;
  for (const args of [['--help'], ['migrate', 'list'], ['migrate', 'list', '--json']]) {
    const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...variables },
      encoding: 'utf8',
    });
    expect({ args, stdout, stderr }).toEqual({ args, stdout: '0\n', stderr: '' });
  }
});

test('--wait bears with a control API that dies and comes back, and returns when the run rests: exit code 0', async () => {
  const args = [
    'migrate',
    'start',
    'saju-records',
    '--id',
    'one',
    '--option',
    'rows_per_second=500',
    'unmapped_columns=accept',
    '--wait',
    '--json',
  ];
  const ui = { TEMPORAL_UI_URL: 'http://temporal.example/ui/', TEMPORAL_NAMESPACE: 'heal7' };
  const { said } = startCommand(args, { ...variables, ...ui });
  await until('the run to be on record', async () => {
    const found = await databases.cube.query("select 1 from ledger.batches where migration_id = 'one'");
    return found.rowCount !== 0;
  });
  const watching = startCommand(['migrate', 'watch', 'one'], variables);
  await once(watching.child.stderr ?? watching.child, 'data');
  watching.child.kill('SIGINT');
  expect(await watching.said).toMatchObject({
    code: null,
    stderr: expect.stringContaining('one continues. Watch it with `cubeshift migrate watch one`'),
  });
  await engine.kill('control');
  const gone = startCommand(['migrate', 'watch', 'one'], variables);
  expect(await gone.said).toMatchObject({ code: 3 });
  engine.startProgram('control');
  const { code, stdout, stderr } = await said;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ id: 'one', status: 'waiting', stage: 'verified' });
  expect(stderr).toContain('cannot be reached. Trying again for 60 s.');
  expect(stderr).toMatch(
    /^Temporal Web UI {2}http:\/\/temporal\.example\/ui\/namespaces\/heal7\/workflows\/saju-records%2Fone\/[\da-f-]+\/user-metadata$/m,
  );
}, 120_000);

test('the same start again is the same run; another one meanwhile is exit code 4', async () => {
  const again = await cubeshift(
    'migrate',
    'start',
    'saju-records',
    '--id',
    'one',
    '--option',
    'rows_per_second=500',
    'unmapped_columns=accept',
    '--json',
  );
  expect({ code: again.code, id: JSON.parse(again.stdout).id }).toEqual({ code: 0, id: 'one' });
  expect(await cubeshift('migrate', 'start', 'saju-records', '--id', 'two')).toMatchObject({ code: 4, stdout: '' });
});

test('reading commands give one document on stdout', async () => {
  const list = await cubeshift('migrate', 'list', '--json');
  expect(JSON.parse(list.stdout)).toMatchObject([{ id: 'one' }]);
  const status = await cubeshift('migrate', 'status', 'one', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({ id: 'one', stage: 'verified' } satisfies Partial<MigrationView>);
  const rejects = await cubeshift('migrate', 'rejects', 'one', '--json');
  expect(JSON.parse(rejects.stdout).items).toHaveLength(databases.rejected.size);
  expect([list, status, rejects].map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    Array.from({ length: 3 }, () => ({ code: 0, stderr: '' })),
  );
});

test('for a person they give text without colours', async () => {
  const said = [
    await cubeshift('migrate', 'list'),
    await cubeshift('migrate', 'status', 'one'),
    await cubeshift('migrate', 'rejects', 'one'),
  ];
  expect(said[0]?.stdout).toMatch(/^ID +KIND +STAGE +STATUS/);
  expect(said[1]?.stdout).toContain('saju-records one: waiting at verified');
  expect(said[2]?.stdout).toMatch(/^REASON +OPEN +ACCEPTED +MOVED +EXAMPLE$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
  for (const { stdout, stderr } of said) expect(stdout + stderr).not.toMatch(/\u001b/);
});

test('an action that does not fit is exit code 4 and names those that do', async () => {
  for (const args of [
    ['pause', 'one'],
    ['resume', 'one'],
    ['repair', 'one'],
    ['cutover', 'one', '--dry-run'],
  ]) {
    const { code, stdout } = await cubeshift('migrate', ...args);
    expect({ args, code, stdout }).toEqual({ args, code: 4, stdout: '' });
  }
  expect((await cubeshift('migrate', 'pause', 'one')).stderr).toContain(
    'Possible now: `cubeshift migrate rejects one`, `cubeshift migrate verify one --wait`',
  );
});

test('a mismatch is exit code 5, and 0 again after its repair', async () => {
  await databases.cube.query(
    "update saju.charts set user_id = user_id || '!' where id = (select max(id) from saju.charts)",
  );
  expect(await cubeshift('migrate', 'verify', 'one', '--wait')).toMatchObject({
    code: 5,
    stdout: expect.stringContaining('user_id'),
  });
  expect(await cubeshift('migrate', 'watch', 'one')).toMatchObject({ code: 5 });
  expect(await cubeshift('migrate', 'repair', 'one', '--wait')).toMatchObject({ code: 0 });
});

test('rejects are tried again and accepted by name', async () => {
  expect(await cubeshift('migrate', 'rejects', 'one', '--retry', '--wait')).toMatchObject({ code: 0 });
  const accept = ['migrate', 'rejects', 'one', '--accept', '--by', 'kim', '--why', 'known dirt', '--wait'];
  expect(await cubeshift(...accept)).toMatchObject({ code: 0 });
});

test('report verify accepts a report as it was signed and refuses one that was changed', async () => {
  const file = join(folder, 'report.json');
  const { code, stdout } = await cubeshift('migrate', 'report', 'one');
  expect(code).toBe(0);
  writeFileSync(file, stdout);
  expect(await cubeshift('report', 'verify', file)).toEqual({
    code: 0,
    stdout: `${file} is as it was signed: no number and no word in it was changed.\n`,
    stderr: '',
  });
  const other = { ...variables, CUBE_JWT_SECRET: 'another secret of thirty-two bytes or more' };
  expect(await runCommand(['report', 'verify', file], other)).toMatchObject({ code: 1 });
  const changed = readFileSync(file, 'utf8').replace(
    /"migrated": (\d)/,
    (_, digit) => `"migrated": ${(Number(digit) % 9) + 1}`,
  );
  expect(changed).not.toBe(stdout);
  writeFileSync(file, changed);
  const refused = await cubeshift('report', 'verify', file);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /is not as it was signed: .*\nThe verification has only read.*\nCompare it with .*\n$/,
  );
});

test.each([
  ['is not there', 'missing.json', undefined, /^There is no file \S+missing\.json\.\n/],
  ['is no JSON', 'text.json', 'a text', /is not JSON\.\n/],
  ['is no report', 'other.json', '{"report": {}}', /is not an evidence report: it has no signature\.\n/],
])('a report that %s is said so in three parts', async (_, name, content, sentence) => {
  const file = join(folder, name);
  if (content !== undefined) writeFileSync(file, content);
  const { code, stderr } = await cubeshift('report', 'verify', file);
  expect(code).toBe(2);
  expect(stderr).toMatch(sentence);
  expect(stderr.split('\n').slice(1)).toEqual([
    'Nothing was changed.',
    'Name a file that `cubeshift migrate report ID > report.json` wrote.',
    '',
  ]);
});

test('a report whose secret is not known says which variable to set', async () => {
  const file = join(folder, 'unknown.json');
  writeFileSync(file, '{"report": {}, "signature": {}}');
  const { code, stderr } = await runCommand(['report', 'verify', file], { CUBESHIFT_HOME: join(folder, 'none') });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^No secret is known .*\nNothing was changed\.\nSet CUBE_JWT_SECRET to the secret of the stack/,
  );
});

test.each([['status'], ['report'], ['rejects'], ['events'], ['pause']])(
  'a mistyped id is answered with the near one: migrate %s',
  async (verb) => {
    expect(await cubeshift('migrate', verb, 'oen')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'There is no migration oen.\nNothing was changed.\nDid you mean one? List them with `cubeshift migrate list`.\n',
    });
  },
);

test('complete prompts at a terminal, and does nothing without a yes', async () => {
  const { code, stdout } = runAtTerminal(['migrate', 'complete', 'one', '--wait'], variables, 'no\n');
  expect(stdout).toContain('Completing one is final');
  expect(stdout).toContain('nothing was done');
  expect(code).toBe(1);
  expect((await cubeshift('migrate', 'status', 'one')).stdout).toContain('waiting at verified');
});

test('status shows each run with what it waits for, on one screen and as one document', async () => {
  const { stdout } = await cubeshift('status');
  expect(stdout).toMatch(
    /saju-records one: waiting at verified\n.*verification clean\n +waits for a command:\n(?: +cubeshift .*\n)* +cubeshift migrate complete one\n/,
  );
  const { stdout: json, code } = await cubeshift('status', '--json');
  const { problems, stack, control, migrations } = JSON.parse(json);
  expect({ stack, control: control.dependencies }).toEqual({
    stack: null,
    control: { cube_database: 'ok', temporal: 'ok', redis: 'ok' },
  });
  expect(migrations[0]).toMatchObject({ id: 'one', status: 'waiting' });
  expect(code).toBe(problems.length === 0 ? 0 : 1);
});

test('a person can follow the events of a run over a restart of the control API, to its end', async () => {
  const { child, said } = startCommand(['migrate', 'events', 'one'], variables);
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  await engine.kill('control');
  engine.startProgram('control');
  await until('the control API to be back', async () => (await cubeshift('migrate', 'list')).code === 0);
  const { said: documents } = startCommand(['migrate', 'events', 'one', '--json'], variables);
  expect(await cubeshift('migrate', 'complete', 'one', '--wait', '--json')).toMatchObject({ code: 0 });
  const { code, stdout, stderr } = await said;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('connecting again for 60 s') });
  expect(stdout).toMatch(/^\S+Z rest +waiting, verified: .*\n\S+Z end +completed, done: .*\n$/s);
  const events = (await documents).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.at(-1)).toMatchObject({ event: 'end', id: 'one', status: 'completed' });
  expect(await cubeshift('migrate', 'events', 'unknown')).toMatchObject({ code: 1, stdout: '' });
});

test('after complete a later action is exit code 4, an unknown id 1', async () => {
  expect(await cubeshift('migrate', 'rollback', 'one')).toMatchObject({ code: 4 });
  expect(await cubeshift('migrate', 'status', 'unknown')).toMatchObject({ code: 1, stdout: '' });
});

test('a run that fails is exit code 1: the target holds what the first run left for good', async () => {
  const { code, stdout } = await cubeshift('migrate', 'start', 'saju-records', '--id', 'late', '--wait');
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: expect.stringContaining('holds the rows of the completed migration one'),
  });
});
