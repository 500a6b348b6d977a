import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../base/package-root.js';
import type { ExtractionAnswer, ExtractionRequest } from './messages.js';

/** What a page may take of a thread. */
export interface ExtractionLimits {
  readonly millis: number;
  readonly mebibytes: number;
}

/** A thread that extracts pages in turn. It keeps no program alive that waits for none. */
export class ExtractionThread {
  private readonly worker: Worker;
  private settle: ((answer: ExtractionAnswer | 'ended') => void) | undefined;
  private ended = false;

  constructor(private readonly limits: ExtractionLimits) {
    this.worker = new Worker(join(packageRoot(), 'dist', 'src', 'crawler', 'extracting', 'main.js'), {
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: limits.mebibytes, maxYoungGenerationSizeMb: 16 },
    });
    this.worker.on('message', (answer: ExtractionAnswer) => this.settle?.(answer));
    const end = () => {
      this.ended = true;
      this.settle?.('ended');
    };
    // More memory than permitted is an error of the thread.
    this.worker.once('error', end);
    this.worker.once('exit', end);
    this.worker.unref();
  }

  /** Whether it extracts no more. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** The answer, or which limit the page reached, after which the thread has ended. */
  extract(request: ExtractionRequest): Promise<ExtractionAnswer | 'too long' | 'too large'> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        answer('too long');
        void this.end();
      }, this.limits.millis);
      const answer = (value: ExtractionAnswer | 'too long' | 'too large') => {
        this.settle = undefined;
        clearTimeout(timer);
        this.worker.unref();
        resolve(value);
      };
      this.settle = (value) => answer(value === 'ended' ? 'too large' : value);
      this.worker.ref();
      this.worker.postMessage(request);
    });
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }
}
