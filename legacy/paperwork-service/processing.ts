import type pg from 'pg';
import type { LegacyFile } from '../../src/domain/paperwork/legacy-file.js';
import type { ProcessKind, ProcessView } from '../../src/domain/paperwork/process.js';
import { openContent } from '../../src/storage/inside-content.js';
import type { LegacyFolder } from '../../src/storage/inside-folder.js';
import { hasResult, insertResult } from './rows.js';

/** Text beyond this is not read. */
const maxTextBytes = 16 * 1024 * 1024;

/**
 * The monolith's processing: the text of plain text, and nothing else. What is queued, and what failed, is forgotten at a restart; what is
 * done has a result.
 */
export class Processing {
  private readonly views = new Map<string, ProcessView>();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly pool: pg.Pool,
    private readonly folder: LegacyFolder,
  ) {}

  /** Queues a file unless it is queued; files are processed one after the other. */
  start(file: LegacyFile, kind: ProcessKind): ProcessView {
    const key = keyOf(file.id, kind);
    const known = this.views.get(key);
    if (known?.state === 'queued' || known?.state === 'running') return known;
    const queued = viewOf(kind, 'queued');
    this.views.set(key, queued);
    this.running = this.running.then(async () => {
      this.views.set(key, viewOf(kind, 'running'));
      this.views.set(key, await this.process(file, kind));
    });
    return queued;
  }

  /** Undefined for what was never started. */
  async view(fileId: string, kind: ProcessKind): Promise<ProcessView | undefined> {
    const known = this.views.get(keyOf(fileId, kind));
    if (known !== undefined) return known;
    return (await hasResult(this.pool, fileId, kind)) ? done(kind) : undefined;
  }

  forget(fileId: string): void {
    for (const key of this.views.keys()) if (key.startsWith(`${fileId} `)) this.views.delete(key);
  }

  /** Waits for what is queued. */
  async close(): Promise<void> {
    await this.running;
  }

  private async process(file: LegacyFile, kind: ProcessKind): Promise<ProcessView> {
    if (kind !== 'text') return viewOf(kind, 'failed', 'kind_unsupported');
    if (file.mime_type?.split(';')[0] !== 'text/plain') return viewOf(kind, 'failed', 'type_unsupported');
    try {
      const text = await this.textOf(file.path);
      if (typeof text !== 'string') return viewOf(kind, 'failed', text.reason);
      await insertResult(this.pool, file.id, kind, { text });
      return done(kind);
    } catch {
      return viewOf(kind, 'failed', 'unexpected');
    }
  }

  private async textOf(path: string): Promise<string | { readonly reason: string }> {
    const content = await openContent(this.folder, path);
    if (content.kind !== 'open') return { reason: 'content_missing' };
    try {
      if (content.size > maxTextBytes) return { reason: 'too_large' };
      const chunks: Buffer[] = [];
      for await (const chunk of content.read({ start: 0, end: content.size - 1 })) chunks.push(chunk);
      const text = decode(Buffer.concat(chunks));
      // No JSON of PostgreSQL holds a NUL.
      return text === undefined || text.includes('\0') ? { reason: 'text_unreadable' } : text;
    } finally {
      await content.close();
    }
  }
}

/** UTF-8, or what Korean Windows wrote before it (CP949, which the web calls EUC-KR). */
function decode(bytes: Buffer): string | undefined {
  for (const encoding of ['utf-8', 'euc-kr']) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes);
    } catch {
      // The next one may fit.
    }
  }
  return undefined;
}

function done(kind: ProcessKind): ProcessView {
  return { kind, state: 'done', page: 1, pages: 1, reason: null };
}

function viewOf(kind: ProcessKind, state: ProcessView['state'], reason: string | null = null): ProcessView {
  return { kind, state, page: null, pages: null, reason };
}

function keyOf(fileId: string, kind: ProcessKind): string {
  return `${fileId} ${kind}`;
}
