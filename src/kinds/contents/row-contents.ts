import type { Span } from '../../domain/migration/range-comparison.js';
import type { CopyRow } from '../../postgres/copy-binary.js';
import type { Databases } from '../../postgres/databases.js';
import type { BlobInfo, Content, SeekableContent, StagedBlob } from '../../storage/blob-store.js';
import type { StatText } from '../../storage/stat-text.js';
import type { Assets } from '../assets.js';

/** Files that rows of legacy name, whose contents lie in the store before the rows commit. */

/** The content of a row's file, durable at its address in the store. */
export interface FetchedContent extends BlobInfo {
  readonly kind: 'content';
  /** What the file was like when it was read. */
  readonly stat: StatText;
  /** The content is carried, and something about it deserves attention. */
  readonly warned: boolean;
}

/** Why a row's file cannot be moved. */
export interface UnfitContent {
  readonly kind: 'unfit';
  readonly reason: string;
  readonly detail: string;
}

/** The content of a row's file, received and not yet at its address. */
export interface StagedContent extends Omit<FetchedContent, 'sha256' | 'size'> {
  readonly blob: StagedBlob;
}

/** The content of a row's file that is at its address already: the file is as it was when it was read. */
export interface KnownContent extends Omit<FetchedContent, 'kind'> {
  readonly kind: 'known';
}

/** Whose contents they are, and how the work on them is stopped and shows that it goes on. */
export interface ContentAccess {
  readonly assets: Assets;
  /** In the store and in `storage.intended`: the next attempt of the same work finds under it what this one left. */
  readonly owner: string;
  /** Of large contents that are received in parts: any later attempt goes on with the next part. */
  readonly partsOwner: string;
  readonly signal: AbortSignal;
  readonly reportProgress: () => void;
}

/** What a kind does with one row's file. */
export interface ContentReading {
  readonly assets: Assets;
  /** Receives a content; `name` is its own among those of the run. */
  readonly receive: (content: Content & SeekableContent, name: string) => Promise<StagedBlob>;
  /** Whether what was read of a file before need not be read again. */
  readonly trustsKnown: boolean;
  readonly databases: Databases;
  /** Called for each piece that was read; throws once the work is stopped. */
  readonly onChunk: () => void;
}

export interface RowContents {
  /** In `storage.blobs`: the kind whose undo removes them. */
  readonly storedBy: string;
  /** Reads the file that a row names as it is at one moment, or says why it cannot. Nothing stays staged of what is unfit. */
  read(row: CopyRow, reading: ContentReading): Promise<StagedContent | KnownContent | UnfitContent>;
  /** Ids of moved rows in a span whose files are no longer what they were when they were read. */
  changedIn(span: Span, look: ContentLook): Promise<readonly bigint[]>;
}

/** What a look at files, without reading them, needs of the world. */
export interface ContentLook extends Pick<ContentAccess, 'assets' | 'reportProgress'> {
  readonly databases: Databases;
}
