import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../src/base/package-root.js';

const cli = join(packageRoot(), 'dist', 'src', 'cli', 'main.js');
const serverAway = 3;
const notNow = 4;
const maxTries = 10;

/** Runs `cubeshift` commands on the stack of one folder, and shows each as it would be typed. */
export class Commands {
  constructor(
    private readonly folder: string,
    /** Beside the caller's own variables. */
    private readonly variables: Readonly<Record<string, string>>,
    /** Whether `up` may leave Temporal open to other users of the machine. */
    private readonly sharedMachine: boolean,
  ) {}

  /** Runs a command and shows what it says. While a server is away the stack is mended and the command repeated. */
  async run(...args: string[]): Promise<void> {
    process.stderr.write(`\n$ ${typed(args)}\n`);
    for (let tries = 1; ; tries++) {
      const { code } = await this.spawn(args, 'inherit');
      if (code === 0) return;
      if (code !== serverAway || tries === maxTries || args[0] === 'up' || args[0] === 'down') this.giveUp(args, code);
      const up = ['up', '--detach', ...(this.sharedMachine ? ['--shared-machine'] : [])];
      process.stderr.write(`\n$ ${typed(up)}\n`);
      await this.spawn(up, 'inherit');
    }
  }

  /** Runs a command that may end without success, which is what the demo is about, and shows what it says. */
  async attempt(...args: string[]): Promise<void> {
    process.stderr.write(`\n$ ${typed(args)}\n`);
    await this.spawn(args, 'inherit');
  }

  /** Runs a reading command and returns the document it prints. */
  async read(...args: string[]): Promise<unknown> {
    const { code, said } = await this.spawn(args, 'pipe');
    if (code !== 0) this.giveUp(args, code);
    return JSON.parse(said);
  }

  /** The same, silently; undefined where there is nothing to read. */
  async find(...args: string[]): Promise<unknown> {
    const { code, said } = await this.spawn(args, 'pipe', 'ignore');
    return code === 0 ? JSON.parse(said) : undefined;
  }

  private giveUp(args: readonly string[], code: number | null): never {
    const after =
      code === notNow
        ? 'Look at it with `cubeshift migrate status demo`.'
        : 'Run the demo again: it goes on from here.';
    process.stderr.write(`\nThe demo stopped: \`${typed(args)}\` ended with ${code}. ${after}\n`);
    process.exit(1);
  }

  private async spawn(
    args: readonly string[],
    stdout: 'inherit' | 'pipe',
    stderr: 'inherit' | 'ignore' = 'inherit',
  ): Promise<{ code: number | null; said: string }> {
    const child = spawn(process.execPath, [cli, ...args], {
      stdio: ['ignore', stdout, stderr],
      env: { ...process.env, ...this.variables, CUBESHIFT_HOME: this.folder },
    });
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('close', resolve);
      child.once('error', reject);
    });
    return { code, said };
  }
}

/** A command as a person types it. */
function typed(args: readonly string[]): string {
  return ['cubeshift', ...args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}
