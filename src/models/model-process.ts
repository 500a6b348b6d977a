import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../base/package-root.js';
import { type InputRow, readInputRows } from '../domain/models/input-rows.js';
import { type OutputRow, outputRows } from '../domain/models/output-rows.js';
import type { Batch, GraphSchema } from '../domain/models/tensors.js';
import type { LoadFailure, ModelAnswer, ModelRequest } from './messages.js';
import { residentSize } from './resident-size.js';
import { type EndReason, endSentences, RunFailure } from './run-failure.js';

export interface ModelProcessLimits {
  /** Of the whole process; one that grows past it is killed. */
  readonly maxResidentBytes: number;
  /** Milliseconds after which a process that does not answer is killed. */
  readonly loadMillis: number;
  readonly runMillis: number;
}

export interface LoadedModel {
  readonly graph: GraphSchema;
  /** Whether rows of several requests may be computed together. */
  readonly joinsRows: boolean;
}

/**
 * A child process with models loaded. It answers in the order of its calls. Once it has ended, of itself or for its limits, every
 * call fails with the reason, and it never starts again.
 */
export interface ModelProcess {
  /** Loads a file, replacing what had the key. Data outside the file is looked for in its folder. */
  load(key: string, file: string): Promise<LoadedModel | LoadFailure>;
  /** Throws `RunFailure`. */
  run(key: string, batch: Batch): Promise<Batch>;
  /** As `run`, for rows as requests have them; throws `RunFailure`, `refused` also for rows that do not fit the graph. */
  predict(key: string, rows: readonly InputRow[]): Promise<readonly OutputRow[]>;
  release(key: string): Promise<void>;
  /** Undefined for a process that could not be started. */
  readonly pid: number | undefined;
  /** 0 where the system does not say. */
  residentBytes(): number;
  /** Whether it is beyond its limit now, and about to be killed. */
  isTooLarge(): boolean;
  /** Resolves when the process has ended, with the reason. */
  readonly ended: Promise<EndReason>;
  /** Kills it; what it is computing fails as `closed`. */
  close(): Promise<void>;
}

/** Starts a process that needs no variable of this program's environment, and has none: it holds no secret. */
export function startModelProcess(limits: ModelProcessLimits): ModelProcess {
  const program = join(packageRoot(), 'dist', 'src', 'models', 'main.js');
  const child = fork(program, [], {
    // Few arenas: freed memory of one thread is of use to another.
    env: { MALLOC_ARENA_MAX: '2', MODEL_PARENT: String(process.pid) },
    execArgv: ['--max-old-space-size=512', '--max-semi-space-size=8'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new ChildModelProcess(child, limits);
}

interface PendingCall {
  readonly limitMillis: number;
  readonly resolve: (answer: ModelAnswer | { readonly kind: 'ended'; readonly reason: EndReason }) => void;
}

const watchEveryMillis = 100;

class ChildModelProcess implements ModelProcess {
  readonly ended: Promise<EndReason>;
  private readonly graphs = new Map<string, GraphSchema>();
  private readonly pending: PendingCall[] = [];
  private headTimer: NodeJS.Timeout | undefined;
  private endReason: EndReason | undefined;
  private hasEnded = false;

  constructor(
    private readonly child: ChildProcess,
    private readonly limits: ModelProcessLimits,
  ) {
    const watch = setInterval(() => this.checkSize(), watchEveryMillis).unref();
    child.on('message', (answer: ModelAnswer) => this.settle(answer));
    this.ended = new Promise((resolve) => {
      const end = () => {
        clearInterval(watch);
        resolve(this.finish());
      };
      child.once('exit', end);
      // It could not be started: there is no exit then.
      child.once('error', end);
    });
  }

  async load(key: string, file: string): Promise<LoadedModel | LoadFailure> {
    const answer = await this.call({ kind: 'load', key, file }, this.limits.loadMillis);
    if (answer.kind === 'not_loaded') return answer.failure;
    if (answer.kind !== 'loaded') {
      const reason = answer.kind === 'ended' && answer.reason !== 'closed' ? answer.reason : 'crashed';
      return { kind: reason, message: endSentences[reason] };
    }
    this.graphs.set(key, answer.graph);
    return { graph: answer.graph, joinsRows: answer.joinsRows };
  }

  async run(key: string, batch: Batch): Promise<Batch> {
    const answer = await this.call({ kind: 'run', key, batch }, this.limits.runMillis);
    if (answer.kind === 'computed') return answer.batch;
    if (answer.kind === 'failed') throw new RunFailure('refused', answer.message);
    const reason = answer.kind === 'ended' ? answer.reason : 'crashed';
    throw new RunFailure(reason, endSentences[reason]);
  }

  async predict(key: string, rows: readonly InputRow[]): Promise<readonly OutputRow[]> {
    const read = readInputRows(this.graphs.get(key)?.inputs ?? [], rows);
    if (read.kind === 'refusal') throw new RunFailure('refused', read.detail);
    const outputs: OutputRow[] = [];
    for (const batch of read.batches) outputs.push(...outputRows(await this.run(key, batch)));
    return outputs;
  }

  async release(key: string): Promise<void> {
    this.graphs.delete(key);
    await this.call({ kind: 'release', key }, this.limits.runMillis);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  residentBytes(): number {
    return this.hasEnded || this.child.pid === undefined ? 0 : (residentSize(this.child.pid) ?? 0);
  }

  async close(): Promise<void> {
    this.kill('closed');
    await this.ended;
  }

  private call(request: ModelRequest, limitMillis: number) {
    return new Promise<Parameters<PendingCall['resolve']>[0]>((resolve) => {
      if (this.endReason !== undefined || this.hasEnded) {
        resolve({ kind: 'ended', reason: this.endReason ?? 'crashed' });
        return;
      }
      this.pending.push({ limitMillis, resolve });
      if (this.pending.length === 1) this.timeHead();
      // A channel that has closed reports the end of the process, which fails the call.
      this.child.send(request, () => undefined);
    });
  }

  private settle(answer: ModelAnswer): void {
    this.pending.shift()?.resolve(answer);
    this.timeHead();
  }

  /** The time limit of a call begins when the process begins it. */
  private timeHead(): void {
    clearTimeout(this.headTimer);
    const [head] = this.pending;
    if (head !== undefined) this.headTimer = setTimeout(() => this.kill('timed_out'), head.limitMillis);
  }

  isTooLarge(): boolean {
    return this.residentBytes() > this.limits.maxResidentBytes;
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
    this.hasEnded = true;
    clearTimeout(this.headTimer);
    for (const [at, { resolve }] of this.pending.splice(0).entries())
      resolve({ kind: 'ended', reason: at === 0 || reason === 'closed' ? reason : 'crashed' });
    return reason;
  }
}
