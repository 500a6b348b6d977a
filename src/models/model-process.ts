import { join } from 'node:path';
import { packageRoot } from '../base/package-root.js';
import { type InputRow, readInputRows } from '../domain/models/input-rows.js';
import { type OutputRow, outputRows } from '../domain/models/output-rows.js';
import type { Batch, GraphSchema } from '../domain/models/tensors.js';
import { type EndReason, LimitedProcess } from '../processes/limited-process.js';
import type { LoadFailure, ModelAnswer, ModelRequest } from './messages.js';
import { endSentences, RunFailure } from './run-failure.js';

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

/** Starts a process that has no variable of this program's environment: it holds no secret. */
export function startModelProcess(limits: ModelProcessLimits): ModelProcess {
  const program = join(packageRoot(), 'dist', 'src', 'models', 'main.js');
  return new ChildModelProcess(new LimitedProcess(program, { ...limits, maxHeapMebibytes: 512 }), limits);
}

class ChildModelProcess implements ModelProcess {
  private readonly graphs = new Map<string, GraphSchema>();

  constructor(
    private readonly child: LimitedProcess<ModelRequest, ModelAnswer>,
    private readonly limits: ModelProcessLimits,
  ) {}

  async load(key: string, file: string): Promise<LoadedModel | LoadFailure> {
    const answer = await this.child.call({ kind: 'load', key, file }, this.limits.loadMillis);
    if (answer.kind === 'not_loaded') return answer.failure;
    if (answer.kind !== 'loaded') {
      const reason = answer.kind === 'ended' && answer.reason !== 'closed' ? answer.reason : 'crashed';
      return { kind: reason, message: endSentences[reason] };
    }
    this.graphs.set(key, answer.graph);
    return { graph: answer.graph, joinsRows: answer.joinsRows };
  }

  async run(key: string, batch: Batch): Promise<Batch> {
    const answer = await this.child.call({ kind: 'run', key, batch }, this.limits.runMillis);
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
    await this.child.call({ kind: 'release', key }, this.limits.runMillis);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get ended(): Promise<EndReason> {
    return this.child.ended;
  }

  residentBytes(): number {
    return this.child.residentBytes();
  }

  isTooLarge(): boolean {
    return this.child.isTooLarge();
  }

  close(): Promise<void> {
    return this.child.close();
  }
}
