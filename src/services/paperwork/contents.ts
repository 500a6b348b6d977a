import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import { readHead } from '../../documents/content-head.js';
import { mediaTypeOf } from '../../documents/media-type.js';
import type { ByteRange } from '../../domain/byte-range.js';
import { filePathProblem } from '../../domain/paperwork/file-path.js';
import type { LegacyFile } from '../../domain/paperwork/legacy-file.js';
import { plainMimeType } from '../../domain/paperwork/upload.js';
import type { OpenContent } from '../../http/content/send-content.js';
import type { StoredFiles } from '../../paperwork/stored-files.js';
import { BlobDamaged, type BlobStore, type Sha256 } from '../../storage/blob-store.js';
import { entityTagOf, type InsideContent, openContent } from '../../storage/inside-content.js';
import type { LegacyFolder } from '../../storage/inside-folder.js';

/** Where a content was read. */
export type ContentSource = 'store' | 'legacy';

export interface ContentsOptions {
  /** LEGACY_STORAGE_DIR. */
  readonly folder: LegacyFolder;
  readonly store: BlobStore;
  readonly stored: StoredFiles;
  readonly onRead: (from: ContentSource, bytes: number) => void;
  /** Called where the store or the cube database cannot give a content that it should have; legacy's folder gives it then. */
  readonly onMissed: (error: unknown) => void;
}

/** So long a content that was damaged or missing in the store is read from legacy's folder at once. */
const damagedMillis = 60_000;

/**
 * The contents of files: out of the store where the migration has stored the file as it is now, otherwise from legacy's folder. A user
 * gets legacy's bytes or the end of the connection, and never damaged ones taken for whole.
 */
export class Contents {
  private readonly damaged = new LRUCache<Sha256, true>({ max: 10_000, ttl: damagedMillis });

  constructor(private readonly options: ContentsOptions) {}

  /** Undefined where the row leads to no readable regular file inside the folder. `close` it. */
  async open(row: LegacyFile): Promise<OpenContent | undefined> {
    if (filePathProblem(row.path) !== undefined) return undefined;
    const file = await openContent(this.options.folder, row.path);
    if (file.kind !== 'open') return undefined;
    try {
      const sha256 = await this.storedContent(row, file);
      const head = await readHead((range) => this.read(file, sha256, range), file.size);
      return {
        size: file.size,
        tag: entityTagOf(file.stat),
        mimeType: await mediaTypeOf(head, plainMimeType(row.mime_type)),
        path: row.path,
        // What was read for its type is not read again.
        read: (range) =>
          range.end < head.length
            ? Readable.from([head.subarray(range.start, range.end + 1)])
            : this.read(file, sha256, range),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What the cube database says is lost on a user as long as legacy has the file. */
  private async storedContent(row: LegacyFile, { stat }: InsideContent): Promise<Sha256 | undefined> {
    try {
      const sha256 = await this.options.stored.contentOf(row, stat);
      return sha256 === undefined || this.damaged.has(sha256) ? undefined : sha256;
    } catch (error) {
      this.options.onMissed(error);
      return undefined;
    }
  }

  private async *read(file: InsideContent, sha256: Sha256 | undefined, range: ByteRange): AsyncGenerator<Buffer> {
    const { onRead, onMissed } = this.options;
    const wanted = range.end + 1 - range.start;
    let given = 0;
    if (sha256 !== undefined) {
      try {
        for await (const chunk of this.readStored(sha256, range, wanted === file.size)) {
          given += chunk.length;
          yield chunk;
        }
        onRead('store', wanted);
        return;
      } catch (error) {
        this.damaged.set(sha256, true);
        onMissed(error);
        // What was sent may be wrong.
        if (given > 0) throw error;
      }
    }
    yield* file.read(range);
    onRead('legacy', wanted);
  }

  /** The last chunk of a whole content comes only once all of it was compared with its address. Fails where there are fewer bytes. */
  private async *readStored(sha256: Sha256, range: ByteRange, isWhole: boolean): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let left = range.end + 1 - range.start;
    let last: Buffer | undefined;
    for await (const chunk of await this.options.store.open(sha256, range)) {
      if (last !== undefined) yield last;
      if (isWhole) hash.update(chunk);
      left -= chunk.length;
      last = chunk;
    }
    if (left !== 0 || (isWhole && hash.digest('hex') !== sha256)) throw new BlobDamaged(sha256);
    if (last !== undefined) yield last;
  }
}
