import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';
import { stopStack } from '../../../src/stack/stack.js';
import { StackHome } from '../../../src/state/home.js';
import { identify } from '../../../src/state/process-identity.js';
import { passwordFrom, usualPorts } from '../../../src/state/settings.js';

const scratch = mkdtempSync(join(tmpdir(), 'cubeshift-home-'));
let home: StackHome;
let made = 0;

function newHome(): StackHome {
  const fresh = new StackHome(join(scratch, `home-${made++}`));
  fresh.prepare();
  return fresh;
}

beforeEach(() => {
  home = newHome();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('the folder of another stack in a stack is not purged with it', async () => {
  expect(await stopStack(home, { purge: true })).toBe(false);
  expect(home.exists).toBe(false);
  home = newHome();
  const nested = new StackHome(join(home.folder, 'demo'));
  nested.prepare();
  await nested.settings(new Set());
  await expect(stopStack(home, { purge: true })).rejects.toMatchObject({
    type: 'conflict',
    hint: expect.stringContaining(`CUBESHIFT_HOME=${nested.folder} cubeshift down --purge`),
  });
  expect(nested.exists).toBe(true);
  expect(await stopStack(home, { purge: false })).toBe(false);
});

function instead(folder: string, make: () => void): void {
  rmSync(folder, { recursive: true });
  make();
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('the state folder', () => {
  test('is its user’s alone, and so is everything in it', async () => {
    await home.settings(new Set());
    home.recordProcesses([]);
    const unlock = home.lock();
    expect(modeOf(home.folder)).toBe(0o700);
    expect(modeOf(home.path('logs'))).toBe(0o700);
    for (const file of ['settings.json', 'processes.json', 'supervisor.lock'])
      expect(modeOf(home.path(file))).toBe(0o600);
    unlock();
  });

  test('is its user’s alone again when it was opened to others', () => {
    const open = new StackHome(scratch);
    open.prepare();
    expect(modeOf(open.folder)).toBe(0o700);
  });

  test.each<[string, (folder: string) => void, boolean]>([
    ['can be written by its group', (folder) => chmodSync(folder, 0o770), true],
    ['can be written by everybody', (folder) => chmodSync(folder, 0o1777), true],
    ['is another user’s', (folder) => chownSync(folder, 65_534, 65_534), process.getuid?.() === 0],
    ['is a link', (folder) => instead(folder, () => symlinkSync(home.folder, folder)), true],
    ['is a file', (folder) => instead(folder, () => writeFileSync(folder, '')), true],
  ])('that %s is neither read nor made one’s own', async (_, open, can) => {
    if (!can) return;
    const folder = join(scratch, `open-${made++}`);
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, 'environment.json'), '{"NAME":"planted"}');
    open(folder);
    const before = statSync(folder);
    const refused = expect.objectContaining({
      type: 'configuration_invalid',
      message: expect.stringContaining(`The state folder ${folder}`),
      hint: expect.stringContaining('CUBESHIFT_HOME'),
    });
    const opened = new StackHome(folder);
    for (const use of [
      () => opened.prepare(),
      () => opened.environment(),
      () => opened.processes(),
      () => opened.desiredCubes(),
      () => opened.releases(),
      () => opened.databasePlace(),
      () => opened.lock(),
      () => opened.recordProcesses([]),
    ])
      expect(use).toThrow(refused);
    await expect(opened.settings(new Set())).rejects.toEqual(refused);
    expect(statSync(folder)).toMatchObject({ mode: before.mode, uid: before.uid, mtimeMs: before.mtimeMs });
  });

  test('says which file is broken, and what to do', async () => {
    writeFileSync(home.path('settings.json'), '{"ports":');
    await expect(home.settings(new Set())).rejects.toThrow(/settings\.json is not readable/);
    await expect(home.settings(new Set())).rejects.toThrow(
      expect.objectContaining({ hint: expect.stringContaining('--purge') }),
    );
  });

  test('knows nothing before anything was written', () => {
    expect([home.environment(), home.processes(), home.supervisor()]).toEqual([undefined, [], undefined]);
  });

  test('keeps what is recorded about processes', () => {
    const entry = { name: 'control', pid: 1, startTime: '2', port: 8090, version: '1', state: 'ready' } as const;
    home.recordProcesses([entry]);
    expect(new StackHome(home.folder).processes()).toEqual([entry]);
  });
});

describe('settings', () => {
  test('are made once: the next call gives the same ports and secrets', async () => {
    const first = await home.settings(new Set());
    expect(await new StackHome(home.folder).settings(new Set())).toEqual(first);
  });

  test.each(['ports', 'passwordSecret', 'cubeJwtSecret', 'userJwtSecret'])(
    'without %s are those of an earlier state: refused in one sentence, and left as they are',
    async (missing) => {
      const whole: Record<string, unknown> = { ...(await home.settings(new Set())) };
      const text = JSON.stringify({ ...whole, [missing]: undefined });
      writeFileSync(home.path('settings.json'), text);
      await expect(home.settings(new Set())).rejects.toMatchObject({
        type: 'configuration_invalid',
        message: `The stack in ${home.folder} was made by an earlier state of this program, which this one does not bring up; nothing was changed.`,
        hint: expect.stringContaining('`cubeshift down --purge`'),
      });
      expect(readFileSync(home.path('settings.json'), 'utf8')).toBe(text);
    },
  );

  test('hold secrets of their own, long enough to sign with', async () => {
    const [one, other] = [await home.settings(new Set()), await newHome().settings(new Set())];
    expect(one.cubeJwtSecret).not.toBe(other.cubeJwtSecret);
    expect(one.passwordSecret).not.toBe(other.passwordSecret);
    expect(Buffer.byteLength(one.cubeJwtSecret)).toBeGreaterThanOrEqual(32);
    expect(one.passwordSecret).toMatch(/^[\w-]{43}$/);
    // It stands in URLs, and each role has another.
    expect(passwordFrom(one, 'a role')).toMatch(/^[\w-]{43}$/);
    expect(passwordFrom(one, 'a role')).not.toBe(passwordFrom(one, 'another'));
  });

  test('give every part a port of its own', async () => {
    const { ports } = await home.settings(new Set());
    expect(Object.keys(ports)).toEqual(Object.keys(usualPorts));
    expect(new Set(Object.values(ports)).size).toBe(Object.keys(ports).length);
  });

  test('choose anew a port that another program took, and keep one that the stack itself is using', async () => {
    const before = await home.settings(new Set());
    const taken = await listenOn(before.ports.control);
    try {
      const own = await home.settings(new Set([before.ports.control]));
      expect(own.ports).toEqual(before.ports);
      const moved = await home.settings(new Set());
      expect(moved.ports.control).not.toBe(before.ports.control);
      expect({ ...moved, ports: { ...moved.ports, control: 0 } }).toEqual({
        ...before,
        ports: { ...before.ports, control: 0 },
      });
    } finally {
      taken.close();
    }
  });
});

describe('the lock of the supervisor', () => {
  test('is held by one, who is named to the other', () => {
    const unlock = home.lock();
    expect(home.supervisor()).toEqual(identify(process.pid));
    expect(() => new StackHome(home.folder).lock()).toThrow(
      expect.objectContaining({ type: 'conflict', message: expect.stringContaining(`process ${process.pid}`) }),
    );
    unlock();
    expect(home.supervisor()).toBeUndefined();
    home.lock()();
  });

  test('leaves nothing behind but itself', () => {
    const unlock = home.lock();
    expect(readdirSync(home.folder).sort()).toEqual(['logs', 'supervisor.lock']);
    unlock();
    expect(readdirSync(home.folder)).toEqual(['logs']);
  });

  test('of a process that was killed is taken over', async () => {
    const [candidate] = await startCandidates(1);
    if (candidate === undefined) throw new Error('not started');
    expect(await candidate.try(home.folder)).toBe(true);
    expect(home.supervisor()).toMatchObject({ pid: candidate.pid });
    await candidate.end('SIGKILL');
    expect(existsSync(home.path('supervisor.lock'))).toBe(true);
    expect(home.supervisor()).toBeUndefined();
    home.lock()();
  });

  test('of a process whose number another one has now is taken over', () => {
    writeFileSync(home.path('supervisor.lock'), JSON.stringify({ pid: process.pid, startTime: '1' }));
    expect(home.supervisor()).toBeUndefined();
    const unlock = home.lock();
    expect(home.supervisor()).toEqual(identify(process.pid));
    unlock();
  });

  test('is taken over from a process that died while it took it over', () => {
    const [dead, deadToo] = [
      { pid: process.pid, startTime: '1' },
      { pid: process.pid, startTime: '2' },
    ];
    writeFileSync(home.path('supervisor.lock'), JSON.stringify(dead));
    writeFileSync(home.path(`ended.${dead.pid}.${dead.startTime}.lock`), JSON.stringify(deadToo));
    const unlock = home.lock();
    expect(home.supervisor()).toEqual(identify(process.pid));
    unlock();
    expect(readdirSync(home.folder)).toEqual(['logs']);
  });

  test('is never held by two, however many come at once, free or left by a dead process', async () => {
    const candidates = await startCandidates(4);
    try {
      for (let round = 0; round < 300; round++) {
        const folder = newHome().folder;
        if (round % 3 > 0)
          writeFileSync(join(folder, 'supervisor.lock'), JSON.stringify({ pid: 4_194_304, startTime: '1' }));
        const held = await Promise.all(candidates.map((candidate) => candidate.try(folder)));
        expect([round, held.filter((won) => won).length]).toEqual([round, 1]);
      }
    } finally {
      await Promise.all(candidates.map((candidate) => candidate.end('SIGTERM')));
    }
  });
});

function listenOn(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

interface Candidate {
  readonly pid: number;
  /** Whether it became the supervisor; it stays so until it ends. */
  try(folder: string): Promise<boolean>;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Processes of their own that take the lock of a folder when they are told. */
async function startCandidates(count: number): Promise<Candidate[]> {
  const compiled = pathToFileURL(join(packageRoot(), 'dist/src/state/home.js')).href;
  const program = `
    import { StackHome } from '${compiled}';
    process.on('message', (folder) => {
      try {
        new StackHome(folder).lock();
        process.send('held');
      } catch (error) {
        process.send(error.type ?? error.stack);
      }
    });
    process.send('ready');`;
  return Promise.all(
    Array.from({ length: count }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await once(child, 'message');
      return candidateOf(child);
    }),
  );
}

function candidateOf(child: ChildProcess): Candidate {
  return {
    pid: child.pid ?? 0,
    try: async (folder) => {
      const answered = once(child, 'message');
      child.send(folder);
      const [answer] = await answered;
      if (answer !== 'held' && answer !== 'conflict') throw new Error(String(answer));
      return answer === 'held';
    },
    end: async (signal) => {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

test('what one process is about is refused to a second, and open again once it is over, well or not', async () => {
  const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-home-')));
  const failing = home.alone('change', async () => {
    await expect(home.alone('change', async () => 1)).rejects.toMatchObject({ type: 'conflict' });
    expect(await home.alone('other', async () => 2)).toBe(2);
    throw new Error('broken off');
  });
  await expect(failing).rejects.toThrow('broken off');
  expect(await home.alone('change', async () => 3)).toBe(3);
  rmSync(home.folder, { recursive: true });
});
