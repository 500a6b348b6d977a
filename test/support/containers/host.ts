import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../../src/base/package-root.js';
import { isolatedPython } from '../../../src/stack/downloads/isolated-python.js';
import type { Said } from '../command-line.js';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** One process: what it is, and what it may. */
export interface ProcessSpec extends User {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly dropsCapabilities?: boolean;
  readonly noNewPrivileges?: boolean;
}

export interface Bind {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** An interface of a container: the bridge of its network, and its address there. */
export interface Attachment {
  readonly bridge: string;
  readonly address: string;
}

export interface ContainerSpec extends ProcessSpec {
  readonly name: string;
  readonly networks: readonly Attachment[];
  readonly root: string;
  readonly binds: readonly Bind[];
  readonly tmpfs: readonly string[];
  readonly readOnly: boolean;
  /** Whether a process of its own takes signals and orphans. */
  readonly init: boolean;
}

/** A process that was started; `said` is how it ended. */
export interface Started {
  readonly said: Promise<Said>;
  readonly output: () => string;
}

/** Whether files can have several owners here. */
export const isRoot = process.getuid?.() === 0;

/** Runs containers in namespaces: `host.py` says how. Its folder is on the disk of the packages, which are linked there. */
export class ContainerHost {
  readonly folder = makeFolder();
  private readonly ends = new Map<number, (code: number) => void>();
  private count = 0;

  private constructor(private readonly child: ChildProcess) {}

  /** With bridges, and the address of the host on each. */
  static async start(bridges: Readonly<Record<string, string>>): Promise<ContainerHost> {
    const own = isRoot ? [] : ['--user', '--map-root-user'];
    const spaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const program = join(import.meta.dirname, 'host.py');
    const child = spawn('unshare', [...own, ...spaces, '--', ...isolatedPython, program, JSON.stringify(bridges)], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...(isRoot ? {} : { ORDINARY: '1' }) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const host = new ContainerHost(child);
    const lines = createInterface({ input: child.stdout });
    const ready = Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('the host of containers did not start'))),
    ]);
    await ready;
    lines.on('line', (line) => {
      const { id, code } = JSON.parse(line);
      host.ends.get(id)?.(code);
    });
    return host;
  }

  /** Starts a container. */
  run(spec: ContainerSpec): Started {
    return this.request('container', { ...spec, number: this.count });
  }

  /** Starts a further process in a container that runs. */
  runInside(container: string, spec: ProcessSpec): Started {
    return this.request('inside', spec, { container });
  }

  /** Starts a process on the host itself. */
  runOutside(spec: ProcessSpec): Started {
    return this.request('outside', spec);
  }

  /** Leads ports of the host into containers: address, port, the container's address, its port. */
  publish(ports: readonly (readonly [string, number, string, number])[]): void {
    const nothing = { command: [], environment: {}, folder: '/', uid: 0, gid: 0 };
    this.request('publish', { ...nothing, ports });
  }

  signal(container: string, signal: number): void {
    this.child.stdin?.write(`${JSON.stringify({ do: 'signal', container, signal })}\n`);
  }

  /** Ends everything, and removes what it left on the disk. */
  async stop(): Promise<void> {
    const ended = this.child.exitCode === null ? once(this.child, 'exit') : undefined;
    this.child.stdin?.end();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private request(
    what: string,
    spec: ProcessSpec & { readonly ports?: unknown; readonly number?: number },
    more: object = {},
  ): Started {
    const id = ++this.count;
    const [stdout, stderr] = [join(this.folder, `${id}.stdout`), join(this.folder, `${id}.stderr`)];
    const said = new Promise<Said>((resolve) => {
      this.ends.set(id, (code) => resolve({ code, stdout: read(stdout), stderr: read(stderr) }));
    });
    this.child.stdin?.write(`${JSON.stringify({ do: what, id, spec: { ...spec, stdout, stderr }, ...more })}\n`);
    return { said, output: () => read(stdout) + read(stderr) };
  }
}

const folders = join(packageRoot(), 'node_modules');
const prefix = '.containers-';

/** A folder that names its process, and removes those whose processes were killed. */
function makeFolder(): string {
  for (const name of readdirSync(folders)) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    if (pid !== undefined && !existsSync(join('/proc', pid)))
      rmSync(join(folders, name), { recursive: true, force: true });
  }
  const folder = join(folders, `${prefix}${process.pid}`);
  mkdirSync(folder, { mode: 0o755 });
  return folder;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
