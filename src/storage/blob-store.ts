import { createHash } from 'node:crypto';
import { Failure } from '../base/failures.js';
import type { ByteRange } from '../domain/byte-range.js';

/** The SHA-256 of a content in hexadecimal digits: its address. */
export type Sha256 = string;

export function isSha256(text: unknown): text is Sha256 {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

export interface BlobInfo {
  readonly sha256: Sha256;
  readonly size: number;
}

/** A content at its address, and when it was written. */
export interface StoredBlob extends BlobInfo {
  readonly storedAt: Date;
}

/** A content that was received: kept, or discarded. Some stores have it at its address already, where a release may take it away again. */
export interface StagedBlob extends BlobInfo {
  /** Writes it, before it is kept or discarded, to a new file of the caller's. Throws `disk_full`, and `BlobDamaged`. */
  copyTo(file: string): Promise<void>;
  /** Puts it at its address, durably. What was there before, though damaged, is replaced. */
  keep(): Promise<void>;
  discard(): Promise<void>;
}

/** A content to receive. */
export interface Content extends AsyncIterable<Buffer> {
  /** The open file of this program whose first bytes it is: a store may read it there instead. */
  readonly inFile?: { readonly fd: number; readonly size: number } | undefined;
}

/** Receives a content of a batch; it is durable when the batch is. */
export type Stage = (content: Content) => Promise<StagedBlob>;

/** A large content that can be read from any position on. */
export interface SeekableContent {
  readonly size: number;
  /** What its source is like: another text means that it may hold something else. */
  readonly stat: string;
  from(position: number): AsyncIterable<Buffer>;
}

/** A part of a large content that is durable. `sha256` is of everything up to its end, so that each byte is hashed once. */
export interface Part {
  readonly sha256: Sha256;
  readonly size: number;
}

/** The record of the parts of one content, which outlives the program; `source` is the `stat` of what they were read from. */
export interface PartRecords {
  /** In their order. */
  list(): Promise<readonly (Part & { readonly source: string })[]>;
  add(index: number, part: Part, source: string): Promise<void>;
  forget(): Promise<void>;
}

/** What a content in parts is called among those of its owner, and where its parts are on record. */
export interface PartsOf {
  readonly owner: string;
  readonly name: string;
  readonly records: PartRecords;
}

/** A content that was taken from its address, so that it can still be put back. */
export interface WithdrawnBlob {
  putBack(): Promise<void>;
  delete(): Promise<void>;
}

/** The same of many: those at whose address something was. */
export interface WithdrawnBlobs extends WithdrawnBlob {
  readonly contents: readonly Sha256[];
  /** When the last of them was written; undefined where there is none. */
  readonly youngest: Date | undefined;
}

export type BlobDamage = 'missing' | 'damaged';

/** What some owner staged or withdrew: of work that goes on, or of a program that died. */
export interface TemporaryBlob {
  isOf(owner: string): boolean;
  readonly changedAt: Date;
  discard(): Promise<void>;
}

/**
 * Contents by their SHA-256. Whatever instant a program dies or the power fails at, an address holds nothing or the whole content; what was
 * staged or withdrawn by a program that died is removed by `discardOf` its owner. All throw `storage_unreachable`, and `disk_full`.
 */
export interface BlobStore {
  /** Receives a content, durably. `owner` names whose work it is part of. */
  stage(content: Content, owner: string): Promise<StagedBlob>;
  /**
   * Runs `receive`, which stages many small contents, several at a time, and has ended with all of them when it resolves; then makes them
   * durable together. Should it throw, none of them stays staged.
   */
  stageMany<T>(owner: string, receive: (stage: Stage) => Promise<T>): Promise<T>;
  /**
   * Receives a large content part by part, each on record once it is durable. Parts that a program which died had on record are read from
   * the store and not from the source, if the source is still like it was; otherwise they are dropped.
   */
  stageInParts(content: SeekableContent, parts: PartsOf): Promise<StagedBlob>;
  /** `keep` of each, which this store staged, made durable together. Each may be kept again after a failure in the middle. */
  keepMany(blobs: readonly StagedBlob[]): Promise<void>;
  /**
   * The content, or a range of it as far as it goes, as it lies there: `check` and `verified` compare it with its address. Throws `BlobMissing` and
   * `BlobDamaged`. Its file is closed once it was read, or reading was given up.
   */
  open(sha256: Sha256, range?: ByteRange): Promise<AsyncIterable<Buffer>>;
  /** Reads every byte: why what lies there is not the content of the address, or null. `onChunk` is called meanwhile; it may throw. */
  check(sha256: Sha256, onChunk?: () => void): Promise<BlobDamage | null>;
  /** Whether a content lies at the address, damaged or not. */
  has(sha256: Sha256): Promise<boolean>;
  /** Undefined where there is nothing. */
  withdraw(sha256: Sha256, owner: string): Promise<WithdrawnBlob | undefined>;
  /** The same of many, durably together: all of them, or none should it throw. */
  withdrawMany(contents: readonly Sha256[], owner: string): Promise<WithdrawnBlobs>;
  /** Removes what the owner staged or withdrew and neither kept, put back nor deleted; not its contents in parts. */
  discardOf(owner: string): Promise<void>;
  /** Removes the contents in parts that the owner has not kept; their records are the caller's to forget. */
  discardPartsOf(owner: string): Promise<void>;
  /** Who has something staged, withdrawn or in parts. */
  owners(): Promise<readonly string[]>;
  /** Puts back at their addresses what the owner withdrew and neither put back nor deleted; what lies there by now stays. */
  putBackOf(owner: string): Promise<void>;
  temporary(): AsyncIterable<TemporaryBlob>;
  /** What lies at addresses behind `after`, in their order. */
  list(after?: Sha256): AsyncIterable<StoredBlob>;
}

/** Nothing lies at the address. */
export class BlobMissing extends Failure {
  constructor(sha256: Sha256) {
    super('storage_unreachable', `The store has no content ${sha256}.`, {
      hint: 'Run `cubeshift migrate verify ID`, then `cubeshift migrate repair ID` of the migration that stored it.',
    });
  }
}

/** What lies at the address is not the content that it names. */
export class BlobDamaged extends Failure {
  constructor(sha256: Sha256) {
    super('storage_unreachable', `The content ${sha256} is damaged in the store.`, {
      hint: 'Run `cubeshift migrate verify ID`, then `cubeshift migrate repair ID` of the migration that stored it.',
    });
  }
}

/** The content of an address, or its end in `BlobDamaged`: a caller that has read all of it has the content. */
export async function* verified(store: BlobStore, sha256: Sha256): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of await store.open(sha256)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256) throw new BlobDamaged(sha256);
}

/** What a store's `check` does for a content that it cannot look at in a quicker way. */
export async function checkByReading(
  store: BlobStore,
  sha256: Sha256,
  onChunk: () => void = () => undefined,
): Promise<BlobDamage | null> {
  try {
    for await (const _ of verified(store, sha256)) onChunk();
    return null;
  } catch (error) {
    if (error instanceof BlobMissing) return 'missing';
    if (error instanceof BlobDamaged) return 'damaged';
    throw error;
  }
}
