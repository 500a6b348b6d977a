import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../base/package-root.js';
import type { BlockingCalls, FileAnswer, FileRequest } from './messages.js';

/** A file up to this size is read in one go. */
export const smallBytes = 256 * 1024;

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** A thread that makes blocking calls, so that the program's own goes on meanwhile. It keeps no program alive that waits for none of them. */
class FileThread {
  private readonly pending = new Map<number, Pending>();
  private readonly worker: Worker;
  private lastId = 0;

  constructor(onEnd: (thread: FileThread) => void) {
    this.worker = new Worker(join(packageRoot(), 'dist', 'src', 'storage', 'threads', 'main.js'), {
      execArgv: [],
      // A file that it opens is closed by the program's own thread.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
    });
    this.worker.on('message', (answer: FileAnswer) => this.settle(answer));
    const end = (error: unknown) => {
      onEnd(this);
      for (const { reject } of this.pending.values()) reject(error);
      this.pending.clear();
    };
    this.worker.once('error', end);
    this.worker.once('exit', (code) => end(new Error(`a file thread ended with ${code}`)));
    this.worker.unref();
  }

  /** How many calls it has not answered. */
  get load(): number {
    return this.pending.size;
  }

  request(call: FileRequest['call'], args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.lastId;
      if (this.pending.size === 0) this.worker.ref();
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, args } satisfies FileRequest);
    });
  }

  private settle(answer: FileAnswer): void {
    const asked = this.pending.get(answer.id);
    this.pending.delete(answer.id);
    if (this.pending.size === 0) this.worker.unref();
    if ('value' in answer) asked?.resolve(answer.value);
    else asked?.reject(Object.assign(new Error(answer.failure.message), answer.failure));
  }
}

/** One copies while the other hashes; more would wait for the disk. */
const maxThreads = 2;
const running = new Set<FileThread>();

/** Has a file thread of the program make a blocking call, the one with the least to do. Rejects with the error of the system. */
export async function inFileThread<Call extends keyof BlockingCalls>(
  call: Call,
  ...args: Parameters<BlockingCalls[Call]>
): Promise<ReturnType<BlockingCalls[Call]>> {
  return (await leastBusy().request(call, args)) as ReturnType<BlockingCalls[Call]>;
}

/** Another thread begins only where all have something to do. */
function leastBusy(): FileThread {
  const [first] = [...running].sort((one, other) => one.load - other.load);
  if (first !== undefined && (first.load === 0 || running.size >= maxThreads)) return first;
  const begun = new FileThread((ended) => void running.delete(ended));
  running.add(begun);
  return begun;
}
