import { Places } from '../../base/places.js';
import type { Extraction } from './extract-page.js';
import type { ExtractionRules } from './extraction-rules.js';
import { type ExtractionLimits, ExtractionThread } from './extraction-thread.js';

/** A page of 20 kB takes a few milliseconds. */
const extractionLimits: ExtractionLimits = { millis: 3000, mebibytes: 256 };

/** A page that took more time or memory than permitted, or that extracting failed at; its message is a sentence. */
export class ExtractionFailed extends Error {
  override readonly name = 'ExtractionFailed';
}

/**
 * Extracts pages in a limited number of threads. How long a page takes depends on how it is built: one of half a megabyte can keep a parser busy for minutes. Here it ends its thread, which is
 * replaced, and fails alone, while the program goes on.
 */
export class ExtractionThreads {
  private readonly places: Places;
  private readonly idle: ExtractionThread[] = [];
  private readonly all = new Set<ExtractionThread>();

  constructor(
    threads: number,
    private readonly limits: ExtractionLimits = extractionLimits,
  ) {
    this.places = new Places(threads);
  }

  /** Pages wait for a thread in the order of their arrival. Throws `ExtractionFailed`, or the reason of the signal while the page waits. */
  async extract(html: string, rules: ExtractionRules, signal?: AbortSignal): Promise<Extraction> {
    await this.places.enter(signal);
    try {
      const thread = this.takeThread();
      const answer = await thread.extract({ html, rules });
      if (thread.isEnded) this.all.delete(thread);
      else this.idle.push(thread);
      if (answer === 'too long')
        throw new ExtractionFailed(`Extracting from the page takes more than ${this.limits.millis / 1000} seconds.`);
      if (answer === 'too large')
        throw new ExtractionFailed(`Extracting from the page takes more than ${this.limits.mebibytes} MiB.`);
      if ('problem' in answer) throw new ExtractionFailed(`Extracting from the page failed: ${answer.problem}.`);
      return answer.extraction;
    } finally {
      this.places.leave();
    }
  }

  /** Ends every thread; pages that are being extracted fail. */
  async close(): Promise<void> {
    await Promise.all([...this.all].map((thread) => thread.end()));
  }

  private takeThread(): ExtractionThread {
    for (let thread = this.idle.pop(); thread !== undefined; thread = this.idle.pop()) {
      if (!thread.isEnded) return thread;
      this.all.delete(thread);
    }
    const thread = new ExtractionThread(this.limits);
    this.all.add(thread);
    return thread;
  }
}
