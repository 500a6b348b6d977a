import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diagnose } from '../../../src/stack/doctor.js';
import { isolatedPython } from '../../../src/stack/downloads/isolated-python.js';
import { findNetworkWay, inNetworkOf, inOwnNetwork } from '../../../src/stack/temporal/network.js';
import { StackHome } from '../../../src/state/home.js';

/** The folder that `up` is typed in may be somebody else's: what lies there is not run. */
const caller = process.cwd();
const environment = { PATH: process.env.PATH ?? '' };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-planted-'));
  // By the names of modules that the scripts, pip and zipfile import; `site` and `sitecustomize` come by themselves.
  for (const name of ['fcntl', 'os', 'socket', 'struct', 'time', 'pip', 'runpy', 'zipfile', 'sitecustomize'])
    writeFileSync(
      join(folder, `${name}.py`),
      `open(${JSON.stringify(join(folder, 'was-run'))}, 'a').write('${name} ')\n`,
    );
  process.chdir(folder);
  process.env.PYTHONPATH = folder;
});
afterEach(() => {
  process.chdir(caller);
  delete process.env.PYTHONPATH;
  rmSync(folder, { recursive: true, force: true });
});

const wasRun = () => (existsSync(join(folder, 'was-run')) ? readFileSync(join(folder, 'was-run'), 'utf8') : '');

test('a Python that is not isolated runs what was planted', async () => {
  await promisify(execFile)('python3', ['-c', 'import socket']);
  expect(wasRun()).toContain('socket');
});

test('looking for a way to make networks runs nothing of the folder', async () => {
  await findNetworkWay({ ...environment, PYTHONPATH: folder });
  expect(wasRun()).toBe('');
});

test('the doctor runs nothing of the folder, and finds pip all the same', async () => {
  const findings = await diagnose(new StackHome(join(folder, 'state')), join(folder, 'cache'), {});
  expect(findings).toContainEqual(expect.objectContaining({ what: 'python3 with pip', ok: true }));
  expect(wasRun()).toBe('');
});

test('a wheel is unpacked without anything of the folder', async () => {
  mkdirSync(join(folder, 'packed'));
  const [python, ...isolated] = isolatedPython;
  await promisify(execFile)(python, [...isolated, '-m', 'zipfile', '-c', 'made.whl', 'packed']);
  await promisify(execFile)(python, [...isolated, '-m', 'zipfile', '-e', 'made.whl', 'unpacked']);
  expect([existsSync(join(folder, 'unpacked')), wasRun()]).toEqual([true, '']);
});

test('the server’s command and the front’s start every Python isolated', () => {
  const words = { server: join(folder, 'server'), front: join(folder, 'front') };
  for (const command of [inOwnNetwork('root', words, ['true']), inNetworkOf(words, [1], ['true'])]) {
    expect(command.slice(0, 2)).toEqual(isolatedPython);
    expect(command.join('\n')).not.toMatch(/(python3|sys\.executable)(', '|', )-c/);
  }
});
