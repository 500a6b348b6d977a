import { createHash } from 'node:crypto';
import { Failure } from '../base/failures.js';

/** The SHA-256 of a content in hexadecimal digits: its address. */
export type Sha256 = string;

export function isSha256(text: unknown): text is Sha256 {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

export interface BlobInfo {
  readonly sha256: Sha256;
  readonly size: number;
}

/** A content that was received and is durable, and not yet at its address: kept, or discarded. */
export interface StagedBlob extends BlobInfo {
  /** A file with the content, until it is kept or discarded. */
  readonly file: string;
  /** Puts it at its address, durably. What was there before, though damaged, is replaced. */
  keep(): Promise<void>;
  discard(): Promise<void>;
}

/** A content that was taken from its address, so that it can still be put back. */
export interface WithdrawnBlob {
  putBack(): Promise<void>;
  delete(): Promise<void>;
}

/**
 * Contents by their SHA-256. Whatever instant a program dies at, an address holds nothing or the whole content; what was staged or
 * withdrawn by a program that died is removed by `discardOf` its owner. All throw `storage_unreachable`, and `disk_full`.
 */
export interface BlobStore {
  /** Receives a content. `owner` names whose work it is part of. */
  stage(content: AsyncIterable<Buffer>, owner: string): Promise<StagedBlob>;
  /** The content, as it lies there: `checkBlob` and `verified` compare it with its address. Throws `BlobMissing`. */
  open(sha256: Sha256): Promise<AsyncIterable<Buffer>>;
  has(sha256: Sha256): Promise<boolean>;
  /** Undefined where there is nothing. */
  withdraw(sha256: Sha256, owner: string): Promise<WithdrawnBlob | undefined>;
  /** Removes what the owner staged or withdrew and neither kept, put back nor deleted. */
  discardOf(owner: string): Promise<void>;
  list(): AsyncIterable<BlobInfo>;
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

/** Reads every byte: why the content is not what its address says, or null. */
export async function checkBlob(
  store: BlobStore,
  sha256: Sha256,
  onChunk: () => void = () => undefined,
): Promise<'missing' | 'damaged' | null> {
  try {
    for await (const _ of verified(store, sha256)) onChunk();
    return null;
  } catch (error) {
    if (error instanceof BlobMissing) return 'missing';
    if (error instanceof BlobDamaged) return 'damaged';
    throw error;
  }
}
