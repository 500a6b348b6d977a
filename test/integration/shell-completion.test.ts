import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Candidate } from '../../src/cli/completion/candidates.js';
import { candidatesFor } from '../../src/cli/completion/candidates.js';
import { shells } from '../../src/cli/completion/scripts.js';
import { liveValues } from '../../src/cli/completion/values.js';
import { allCommands, createProgram } from '../../src/cli/program.js';
import { runCommand, type Variables } from '../support/command-line.js';

/** What the real shells make of the scripts of `cubeshift completion`; those that are not on this machine are skipped by name. */
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-completion-'));
const before = { ...process.env };
let api: Server;
let silent: Server;
let variables: Variables;

/** One who answers in the control API's place names ids that a shell would run, or that forge a candidate. */
const planted = ['b;touch planted;:', 'b$(touch planted)', 'b`touch planted`', 'b\nbforged', '--bforged'];
const migrations = [
  ...planted.map((id) => ({ id, kind: 'saju-records', status: 'waiting', stage: 'verified' })),
  { id: 'first', kind: 'saju-records', status: 'waiting', stage: 'verified' },
  { id: 'shown', kind: 'saju-records', status: 'waiting', stage: 'verified\nforged' },
  { id: 'former', kind: 'saju-records', status: 'completed', stage: 'done' },
];

beforeAll(async () => {
  api = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items: migrations }));
  });
  // Takes every request, and never answers one.
  silent = createServer(() => undefined);
  for (const server of [api, silent]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  variables = {
    CONTROL_URL: urlOf(api),
    CUBE_JWT_SECRET: 'a secret of thirty-two bytes or more',
    CUBESHIFT_HOME: folder,
  };
  Object.assign(process.env, variables);
  mkdirSync(join(folder, 'logs'));
  for (const name of ['control', 'con;touch planted;:']) writeFileSync(join(folder, 'logs', `${name}.log`), 'a line');
});
afterAll(() => {
  for (const server of [api, silent]) {
    server.closeAllConnections();
    server.close();
  }
  for (const name of Object.keys(variables))
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  rmSync(folder, { recursive: true, force: true });
});

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const program = createProgram({
  json: () => undefined,
  line: () => undefined,
  print: () => undefined,
  copy: () => undefined,
  talk: () => undefined,
});

async function wordsFor(line: string): Promise<readonly string[] | 'files'> {
  const fitting = await candidatesFor(program, line.split(' '), liveValues);
  return fitting === 'files' ? fitting : fitting.map(({ word }: Candidate) => word);
}

describe('what may come next', () => {
  test.each([
    ['mig', ['migrate']],
    ['migrate st', ['start', 'status']],
    ['migrate cut', []],
    ['__', []],
    ['migrate start ', ['saju-records', 'ai-models', 'paperwork-files']],
    ['migrate start saju-records --m', ['--mode']],
    ['migrate start saju-records --mode ', ['copy']],
    ['migrate start saju-records --mode=', ['--mode=copy']],
    ['migrate start saju-records --id ', []],
    ['migrate pause ', ['first', 'shown']],
    ['migrate pause b', []],
    ['migrate status ', ['first', 'shown', 'former']],
    ['migrate status fo', ['former']],
    ['migrate status first --j', ['--json']],
    ['traffic set sa', ['saju']],
    ['traffic set saju --enabled ', ['true', 'false']],
    ['cubes deploy sa', ['saju-cube']],
    ['--by kim cubes deploy sa', ['saju-cube']],
    ['token --cube-id saju-cube --permissions migration:', ['migration:read', 'migration:write']],
    ['report verify ', 'files'],
    ['release add saju-cube 1.1 -- node --x', 'files'],
    ['completion ', [...shells]],
    ['nothing like it ', []],
    ['up --records ', []],
  ])('after %j: %j', async (line, words) => {
    expect(await wordsFor(line)).toEqual(words);
  });

  test('is, for every command, every word and option of the tree', async () => {
    for (const command of [program, ...allCommands(program)].filter(
      ({ parent }) => parent === null || parent === program,
    )) {
      const own = command === program ? '' : `${command.name()} `;
      if (command.commands.length > 0) {
        const visible = command.createHelp().visibleCommands(command);
        expect(await wordsFor(own)).toEqual(visible.map((child) => child.name()));
      }
      const options = command.options.filter(({ hidden, long }) => !hidden && long !== '--version');
      expect(await wordsFor(`${own}--`)).toEqual(expect.arrayContaining(options.map(({ long }) => long)));
    }
  });
});

describe('a word that a shell could run', () => {
  test.each([
    [['logs', 'con'], 'control\t\n'],
    [['migrate', 'pause', 's'], 'shown\tsaju-records, waiting at verified forged\n'],
  ])('is not offered after %j', async (words, stdout) => {
    expect(await runCommand(['__complete', '--', ...words], variables)).toEqual({ code: 0, stdout, stderr: '' });
  });
});

describe('what cannot be known now is left out, at once and without a word', () => {
  test.each([
    ['a control API that is away', 'http://127.0.0.1:1'],
    ['a control API that is not an address', 'nonsense'],
    ['a control API that does not answer', 'silent'],
  ])('%s', async (_what, url) => {
    const away = { ...variables, CONTROL_URL: url === 'silent' ? urlOf(silent) : url };
    const began = performance.now();
    const help = await runCommand(['__complete', '--', 'zzz', ''], away);
    const starting = performance.now() - began;
    expect(help).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await runCommand(['__complete', '--', 'migrate', 'status', ''], away)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    // Besides starting, less than the time that a person notices: the control API has 400 ms.
    expect(performance.now() - began - 2 * starting).toBeLessThan(1000);
  });

  test('no stack and no variable at all', async () => {
    const none = { CUBESHIFT_HOME: join(folder, 'none') };
    expect(await runCommand(['__complete', '--', 'migrate', 'status', ''], none)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });
});

const isThere = (shell: string) => spawnSync(shell, ['--version']).status === 0;

/**
 * Types at a shell that believes to be at a terminal, one line after the other, and returns what the screen has got. Python has a
 * pseudo-terminal at hand; Node has none.
 */
async function typeAt(
  command: readonly string[],
  lines: readonly string[],
  expected: string,
  seconds = 20,
): Promise<string> {
  const script = `
import os, pty, select, sys, time
expected, seconds, lines, command = sys.argv[1], float(sys.argv[2]), sys.argv[3].split('\\x1e'), sys.argv[4:]
pid, terminal = pty.fork()
if pid == 0: os.execvp(command[0], command)
screen = b''
def read(seconds, until):
    global screen
    end = time.time() + seconds
    while time.time() < end and until not in screen:
        if select.select([terminal], [], [], 0.1)[0]:
            try: screen += os.read(terminal, 65536)
            except OSError: return
for number, line in enumerate(lines[:-1]):
    os.write(terminal, (line + '; printf "%s" rea""dy' + str(number) + '\\r').encode())
    read(20, b'ready' + str(number).encode())
os.write(terminal, lines[-1].encode())
read(seconds, expected.encode())
os.kill(pid, 9)
sys.stdout.buffer.write(screen)`;
  // Not by a call that waits: the control API is of this process.
  const args = ['-c', script, expected, String(seconds), lines.join('\x1e'), ...command];
  return (await promisify(execFile)('python3', args, surroundings())).stdout;
}

/** What a shell is started with. */
function surroundings() {
  return { env: { PATH: process.env.PATH, HOME: folder, TERM: 'xterm', PS1: '$ ', ...variables }, cwd: folder };
}

const interactive = {
  bash: ['bash', '--norc', '--noprofile', '-i'],
  zsh: ['zsh', '-f', '-i'],
} as const;

describe.each(['bash', 'zsh'] as const)('%s', (shell) => {
  test.skipIf(!isThere(shell))(
    'completes commands, options, ids and permissions at a terminal',
    async () => {
      const { code, stdout, stderr } = await runCommand(['completion', shell], variables);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const file = join(folder, `script.${shell}`);
      writeFileSync(file, stdout);
      // In place of the program, a function that shows which words it was given.
      const showing = `source ${file}; cubeshift() { printf '<%s>' "$@"; }`;
      for (const [typed, words] of [
        ['cubeshift migrate stat\t\r', '<migrate><status>'],
        ['cubeshift migrate pause fi\t\r', '<migrate><pause><first>'],
        ['cubeshift migrate start saju-records --wa\t\r', '<saju-records><--wait>'],
        ['cubeshift token --cube-id x --permissions migration:re\t\r', '<--permissions><migration:read>'],
        [`cubeshift report verify script.${shell.slice(0, 1)}\t\r`, `<verify><script.${shell}>`],
      ] as const)
        expect(await typeAt(interactive[shell], [showing, typed], words)).toContain(words);
    },
    60_000,
  );

  test.skipIf(!isThere(shell))(
    'inserts no word that would run',
    async () => {
      const file = join(folder, `planted.${shell}`);
      writeFileSync(file, (await runCommand(['completion', shell], variables)).stdout);
      const showing = `source ${file}; cubeshift() { printf '<%s>' "$@"; }`;
      const screen = await typeAt(interactive[shell], [showing, 'cubeshift migrate pause b\t\r'], '<pause><b>');
      expect(screen).toContain('<pause><b>');
      expect(existsSync(join(folder, 'planted'))).toBe(false);
    },
    60_000,
  );

  test.skipIf(!isThere(shell))(
    'never runs what was typed',
    async () => {
      const file = join(folder, `safe.${shell}`);
      writeFileSync(file, (await runCommand(['completion', shell], variables)).stdout);
      const typed = 'cubeshift migrate status "$(touch typed)" `touch typed` fi\t';
      await typeAt(interactive[shell], [`source ${file}`, typed], 'nothing that comes', 3);
      expect(existsSync(join(folder, 'typed'))).toBe(false);
    },
    60_000,
  );
});

test.skipIf(!isThere('fish'))(
  'fish completes commands, options, ids and files',
  async () => {
    const { stdout } = await runCommand(['completion', 'fish'], variables);
    const file = join(folder, 'script.fish');
    writeFileSync(file, stdout);
    const completed = async (line: string) => {
      const args = ['--no-config', '-c', `source ${file}; complete -C '${line}'`];
      return (await promisify(execFile)('fish', args, surroundings())).stdout;
    };
    expect(await completed('cubeshift migrate st')).toMatch(/^start\t.*\nstatus\t.*\n$/);
    expect(await completed('cubeshift migrate pause ')).toContain('first\tsaju-records, waiting at verified\n');
    expect(await completed('cubeshift migrate start saju-records --mo')).toMatch(/^--mode\t/);
    expect(await completed('cubeshift report verify script.f')).toContain('script.fish');
  },
  60_000,
);
