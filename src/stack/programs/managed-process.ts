import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, toFailure } from '../../base/failures.js';
import type { ProcessEntry, StackHome } from '../../state/home.js';
import { appendLine, lastLines, openLog } from '../../state/logs.js';
import { identify, isAlive, type ProcessIdentity, signalProcess } from '../../state/process-identity.js';

/** One process of the stack: how it is started, recognised as ready, and stopped. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Secrets go here, never into `args`, which every user of the machine can read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it is started, when not in the state folder. */
  readonly folder?: string;
  readonly port: number | null;
  readonly version: string;
  /** Whether it serves; throws `conflict` when another user's program answers in its place. */
  readonly ready: (pid: number) => Promise<boolean>;
  readonly stopSignal: NodeJS.Signals;
  /** Throws when the program is not what it should be: then it is not started. */
  readonly check?: () => Promise<void>;
}

const firstBackOff = 200;
const maxBackOff = 5000;

/** Keeps one process running: adopts it, starts it, starts it again, stops it. */
export class ManagedProcess {
  private identity: ProcessIdentity | undefined;
  private state: ProcessEntry['state'] = 'stopped';
  private backOff = firstBackOff;
  private retryAt = 0;
  private started = 0;
  private ended: string | null = null;
  private refused = false;
  private conflict: Failure | undefined;
  private restarted: ProcessEntry['restarted'];
  /** How the process that was started last ended, once that was seen. */
  private exit: string | undefined;

  constructor(
    readonly spec: ProcessSpec,
    private readonly home: StackHome,
  ) {}

  /** Takes over a process that an earlier supervisor left, if it still lives and answers; ends it if it does not. */
  async adopt(left: ProcessIdentity | undefined): Promise<void> {
    if (left === undefined || !isAlive(left)) return;
    this.identity = left;
    if (await this.looksReady(left.pid)) this.state = 'ready';
    else await this.stop(5000);
  }

  /** Looks once: starts the process if it is not there, notes when it has become ready. True when something changed. */
  async attend(): Promise<boolean> {
    if (this.identity !== undefined && isAlive(this.identity)) {
      if (this.state === 'ready') return false;
      if (!(await this.looksReady(this.identity.pid))) return false;
      this.state = 'ready';
      this.backOff = firstBackOff;
      return true;
    }
    if (Date.now() < this.retryAt) return false;
    if (await this.mayStart()) {
      if (this.state === 'ready') this.noteDeath();
      this.start();
    }
    this.retryAt = Date.now() + this.backOff;
    this.backOff = Math.min(maxBackOff, this.backOff * 2);
    return true;
  }

  /** Waits until it is ready; throws when that takes longer than `millis`, or another user's program has its port. */
  async awaitReady(millis: number, onChange: () => void): Promise<void> {
    const deadline = Date.now() + millis;
    while (!this.isReady) {
      if (await this.attend()) onChange();
      if (this.isReady) return;
      this.refuseConflict();
      if (this.refused) throw this.notReady(`${this.spec.name} refused to start.`);
      if (Date.now() > deadline) {
        const ended =
          this.ended === null ? '' : ` It was started ${this.started} times; the last time it ${this.ended}.`;
        throw this.notReady(`${this.spec.name} did not become ready within ${millis / 1000} s.${ended}`);
      }
      await sleep(50);
    }
  }

  /** Signals it to stop; after `grace` milliseconds it is killed. */
  async stop(grace: number): Promise<void> {
    const { identity } = this;
    if (identity === undefined) return;
    signalProcess(identity, this.spec.stopSignal);
    const deadline = Date.now() + grace;
    while (isAlive(identity)) {
      if (Date.now() > deadline) signalProcess(identity, 'SIGKILL');
      await sleep(20);
    }
    this.identity = undefined;
    this.state = 'stopped';
  }

  private notReady(sentence: string): Failure {
    const lines = lastLines(this.logFile);
    return new Failure('unexpected', sentence, {
      hint: [`Its log is ${this.logFile}${lines.length === 0 ? '.' : '; it ends so:'}`, ...lines].join('\n'),
    });
  }

  /** Throws when another user's program has its port. */
  refuseConflict(): void {
    if (this.conflict !== undefined) throw this.conflict;
  }

  private async looksReady(pid: number): Promise<boolean> {
    this.conflict = undefined;
    return this.spec.ready(pid).catch((error: unknown) => {
      this.noteConflict(error);
      return false;
    });
  }

  private noteConflict(error: unknown): void {
    if (error instanceof Failure && error.type === 'conflict') this.conflict = error;
  }

  private get isReady(): boolean {
    return this.state === 'ready';
  }

  get entry(): ProcessEntry | undefined {
    const { name, port, version } = this.spec;
    const { restarted } = this;
    return (
      this.identity && {
        name,
        ...this.identity,
        port,
        version,
        state: this.state,
        ...(restarted === undefined ? {} : { restarted }),
      }
    );
  }

  /** How often it was started here. */
  get starts(): number {
    return this.started;
  }

  /** How it ended the last time, as far as this supervisor saw it. */
  get lastEnd(): string | null {
    return this.ended;
  }

  get logFile(): string {
    return this.home.logOf(this.spec.name);
  }

  /** A reason why not goes to the log of the program, whose own words are missing there. */
  private async mayStart(): Promise<boolean> {
    this.conflict = undefined;
    try {
      await this.spec.check?.();
      return true;
    } catch (error) {
      this.noteConflict(error);
      const { message } = toFailure(error);
      this.ended = `was not started: ${message}`;
      appendLine(this.logFile, message);
      return false;
    }
  }

  /** In its own log, where one looks for what became of it, and for `status`. */
  private noteDeath(): void {
    const before = this.exit ?? 'was gone';
    appendLine(this.logFile, `${this.spec.name}: the process ${before}; it is started again`);
    this.restarted = { at: new Date().toISOString(), before };
  }

  private start(): void {
    const log = openLog(this.logFile);
    // What it makes is its user's alone, sockets and files of the machine's shared folders too.
    const mask = process.umask(0o077);
    // A group of its own: Ctrl-C reaches the supervisor alone, which stops the others in order.
    const child = spawn(this.spec.command, this.spec.args, {
      env: { ...this.spec.env },
      stdio: ['ignore', log, log],
      detached: true,
      cwd: this.spec.folder ?? this.home.folder,
    });
    process.umask(mask);
    closeSync(log);
    child.unref();
    // A command that cannot be started shows as a process that is not there; the next check tries again.
    child.on('error', (error) => {
      this.ended = `could not be started (${'code' in error ? String(error.code) : error.name})`;
    });
    child.on('exit', (code, signal) => {
      this.ended = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
      this.exit = this.ended;
      // With this exit code a program of this package reports an environment that only a person can fix.
      this.refused = code === 2;
    });
    this.started++;
    this.exit = undefined;
    this.identity = child.pid === undefined ? undefined : identify(child.pid);
    this.state = 'starting';
  }
}
