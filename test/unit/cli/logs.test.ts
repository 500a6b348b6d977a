import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCommand } from '../../support/command-line.js';

const home = mkdtempSync(join(tmpdir(), 'cubeshift-logs-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const line = JSON.stringify({ level: 30, time: 0, pid: 7, hostname: 'vm', name: 'control', msg: 'ready' });

test('where there is no stack it says so in three parts, and is no success', async () => {
  for (const args of [['logs'], ['logs', 'control']])
    expect(await runCommand(args, { CUBESHIFT_HOME: join(home, 'none') })).toEqual({
      code: 1,
      stdout: '',
      stderr: `There is no log in ${join(home, 'none')}.\nNothing was changed.\nBring up a stack with \`cubeshift up --detach\`, or name the folder of one by CUBESHIFT_HOME.\n`,
    });
});

test('a log is shown readably, with --json as it was written, and a mistyped name has the near one', async () => {
  mkdirSync(join(home, 'logs'));
  writeFileSync(join(home, 'logs', 'control.log'), `${line}\n`);
  const variables = { CUBESHIFT_HOME: home };
  expect((await runCommand(['logs', 'control'], variables)).stdout).toBe('[1970-01-01T00:00:00.000Z] INFO: ready\n');
  expect((await runCommand(['logs', 'control', '--json'], variables)).stdout).toBe(`${line}\n`);
  const { code, stderr } = await runCommand(['logs', 'contrl'], variables);
  expect(code).toBe(1);
  expect(stderr).toContain('Did you mean control? Logs are there of control.');
});
