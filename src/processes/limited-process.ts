import { type ChildProcess, fork } from 'node:child_process';
import { residentSize } from './resident-size.js';

/** Why a process is no more. */
export type EndReason = 'crashed' | 'timed_out' | 'memory_exceeded' | 'closed';

/** The answer to a request whose process has ended. */
export interface Ended {
  readonly kind: 'ended';
  readonly reason: EndReason;
}

export interface ProcessLimits {
  /** Of the whole process; one that grows past it is killed. */
  readonly maxResidentBytes: number;
  readonly maxHeapMebibytes: number;
}

interface PendingCall<Answer> {
  readonly limitMillis: number;
  readonly resolve: (answer: Answer | Ended) => void;
}

const watchEveryMillis = 100;

/**
 * A child process that answers requests one after the other, each within a time limit, and that is killed when it grows too large. Its
 * program calls `serveRequests`. Once it has ended, of itself or for its limits, every call is answered with the reason, and it never
 * starts again.
 */
export class LimitedProcess<Request extends object, Answer extends object> {
  /** Resolves when the process has ended, with the reason. */
  readonly ended: Promise<EndReason>;
  private readonly child: ChildProcess;
  private readonly pending: PendingCall<Answer>[] = [];
  private headTimer: NodeJS.Timeout | undefined;
  private endReason: EndReason | undefined;
  private isOver = false;

  /** Starts a program that needs nothing of this program's environment, and has nothing of it but where temporary files go. */
  constructor(
    program: string,
    private readonly limits: ProcessLimits,
  ) {
    const { TMPDIR } = process.env;
    this.child = fork(program, [], {
      env: {
        // Few arenas: freed memory of one thread is of use to another.
        MALLOC_ARENA_MAX: '2',
        PARENT_PROCESS: String(process.pid),
        ...(TMPDIR === undefined ? {} : { TMPDIR }),
      },
      execArgv: [`--max-old-space-size=${limits.maxHeapMebibytes}`, '--max-semi-space-size=8'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const watch = setInterval(() => this.checkSize(), watchEveryMillis).unref();
    this.child.on('message', (answer: Answer) => this.settle(answer));
    this.ended = new Promise((resolve) => {
      const end = () => {
        clearInterval(watch);
        resolve(this.finish());
      };
      this.child.once('exit', end);
      // It could not be started: there is no exit then.
      this.child.once('error', end);
    });
  }

  /** Undefined for a process that could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Whether it has ended; known before the call that ended it is answered. */
  get hasEnded(): boolean {
    return this.isOver;
  }

  /** Whether it has a request that is not answered. */
  get isBusy(): boolean {
    return this.pending.length > 0;
  }

  /** The time limit begins when the process begins the request. */
  call(request: Request, limitMillis: number): Promise<Answer | Ended> {
    return new Promise((resolve) => {
      if (this.endReason !== undefined || this.isOver) {
        resolve({ kind: 'ended', reason: this.endReason ?? 'crashed' });
        return;
      }
      this.pending.push({ limitMillis, resolve });
      if (this.pending.length === 1) this.timeHead();
      // A channel that has closed reports the end of the process, which fails the call.
      this.child.send(request, () => undefined);
    });
  }

  /** 0 where it has ended, or the system does not say. */
  residentBytes(): number {
    return this.isOver || this.child.pid === undefined ? 0 : (residentSize(this.child.pid) ?? 0);
  }

  /** Whether it is beyond its limit now, and about to be killed. */
  isTooLarge(): boolean {
    return this.residentBytes() > this.limits.maxResidentBytes;
  }

  /** Kills it; what it is doing is answered with `closed`. */
  async close(): Promise<void> {
    this.kill('closed');
    await this.ended;
  }

  private settle(answer: Answer): void {
    this.pending.shift()?.resolve(answer);
    this.timeHead();
  }

  private timeHead(): void {
    clearTimeout(this.headTimer);
    const [head] = this.pending;
    if (head !== undefined) this.headTimer = setTimeout(() => this.kill('timed_out'), head.limitMillis);
  }

  private checkSize(): void {
    if (this.isTooLarge()) this.kill('memory_exceeded');
  }

  private kill(reason: EndReason): void {
    this.endReason ??= reason;
    this.child.kill('SIGKILL');
  }

  /** What was behind the call that ended the process fails as crashed: the reason is not its own. */
  private finish(): EndReason {
    const reason = this.endReason ?? 'crashed';
    this.isOver = true;
    clearTimeout(this.headTimer);
    for (const [at, { resolve }] of this.pending.splice(0).entries())
      resolve({ kind: 'ended', reason: at === 0 || reason === 'closed' ? reason : 'crashed' });
    return reason;
  }
}
