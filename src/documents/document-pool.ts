import { Places } from '../base/places.js';
import { type DocumentLimits, defaultDocumentLimits } from './document-limits.js';
import { DocumentProcess } from './document-process.js';
import type { PageContent, ReadingKind } from './page-content.js';
import { ReadingStopped } from './unreadable-document.js';

export interface DocumentPoolOptions {
  readonly processes: number;
  readonly limits?: DocumentLimits;
  /** After how many documents a process is replaced, so that what libraries leak does not add up. */
  readonly documentsPerProcess?: number;
  /** After how long without a document a process is ended. */
  readonly idleMillis?: number;
}

/** A document that is open in a process of its own until it is closed. */
export interface OpenDocument {
  readonly pages: number;
  /** Library, version and data that read it. */
  readonly madeBy: string;
  /** Reads a page, the first is 1. Throws `UnreadableDocument`; once that says `endedProcess`, every later page does too. */
  readPage(page: number): Promise<PageContent>;
  /** Gives the process back; a page that is being read is stopped, and fails as `ReadingStopped`. */
  close(): Promise<void>;
}

interface PooledProcess {
  readonly process: DocumentProcess;
  documents: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/**
 * Reads documents in a limited number of processes, each document in one alone. Documents wait in the order of their requests. A process
 * that a document ended is replaced; the others do not notice.
 */
export class DocumentPool {
  private readonly limits: DocumentLimits;
  private readonly documentsPerProcess: number;
  private readonly idleMillis: number;
  private readonly idle: PooledProcess[] = [];
  private readonly running = new Set<PooledProcess>();
  private readonly places: Places;
  private replaced = 0;
  private isClosed = false;

  constructor(options: DocumentPoolOptions) {
    this.places = new Places(options.processes);
    this.limits = options.limits ?? defaultDocumentLimits;
    this.documentsPerProcess = options.documentsPerProcess ?? 50;
    this.idleMillis = options.idleMillis ?? 60_000;
  }

  /**
   * Opens a file, which must stay as it is until the document is closed; what it is its content says. Throws `UnreadableDocument`,
   * `ReadingStopped`, or the reason of the signal where that comes while the document waits for a process.
   */
  async open(file: string, reading: ReadingKind, signal?: AbortSignal): Promise<OpenDocument> {
    await this.places.enter(signal);
    if (this.isClosed) {
      this.places.leave();
      throw new ReadingStopped();
    }
    const pooled = this.take();
    pooled.documents += 1;
    try {
      const { pages, madeBy } = await pooled.process.open(file, reading);
      let isOpen = true;
      return {
        pages,
        madeBy,
        readPage: (page) => pooled.process.read(page),
        close: async () => {
          if (!isOpen) return;
          isOpen = false;
          await pooled.process.closeDocument();
          await this.leave(pooled);
        },
      };
    } catch (error) {
      await this.leave(pooled);
      throw error;
    }
  }

  /** Processes that ended by a document, since the pool began. */
  get processesReplaced(): number {
    return this.replaced;
  }

  /** Resident bytes of all its processes. */
  residentBytes(): number {
    let bytes = 0;
    for (const { process } of this.running) bytes += process.residentBytes();
    return bytes;
  }

  /** Ends all processes; documents that are open or wait fail as `ReadingStopped`. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.running].map(({ process }) => process.close()));
  }

  private take(): PooledProcess {
    // The one that was used last: the others may become idle and end.
    let pooled = this.idle.pop();
    while (pooled?.process.hasEnded) pooled = this.idle.pop();
    clearTimeout(pooled?.idleTimer);
    return pooled ?? this.start();
  }

  private start(): PooledProcess {
    const process = new DocumentProcess(this.limits);
    const pooled: PooledProcess = { process, documents: 0, idleTimer: undefined };
    this.running.add(pooled);
    void process.ended.then((reason) => {
      if (reason !== 'closed') this.replaced += 1;
      this.running.delete(pooled);
      this.forgetIdle(pooled);
    });
    return pooled;
  }

  private forgetIdle(pooled: PooledProcess): void {
    const at = this.idle.indexOf(pooled);
    if (at >= 0) this.idle.splice(at, 1);
  }

  /** Takes a process back, for the next document or to end it. */
  private async leave(pooled: PooledProcess): Promise<void> {
    if (!pooled.process.hasEnded && pooled.documents >= this.documentsPerProcess) await pooled.process.close();
    if (!pooled.process.hasEnded) {
      this.idle.push(pooled);
      pooled.idleTimer = setTimeout(() => {
        this.forgetIdle(pooled);
        void pooled.process.close();
      }, this.idleMillis).unref();
    }
    this.places.leave();
  }
}
