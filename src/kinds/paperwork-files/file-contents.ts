import { headBytes, mediaTypeOf } from '../../documents/media-type.js';
import { filePathProblem } from '../../domain/paperwork/file-path.js';
import type { CopyRow } from '../../postgres/copy-binary.js';
import { atSide } from '../../postgres/databases.js';
import type { BlobInfo, StagedBlob } from '../../storage/blob-store.js';
import { type OpenFile, readInside, type UnreadablePath } from '../../storage/inside-folder.js';
import type { StatText } from '../../storage/stat-text.js';
import type {
  ContentReading,
  KnownContent,
  RowContents,
  StagedContent,
  UnfitContent,
} from '../contents/row-contents.js';
import { changedFiles } from './changed-files.js';
import { fileField, isCarriedTime } from './file-columns.js';

/** What rows of paperwork_files name: files of LEGACY_STORAGE_DIR. */
export const fileContents: RowContents = { storedBy: 'paperwork-files', read: readFile, changedIn: changedFiles };

const reasonOf: Readonly<Record<UnreadablePath['kind'], string>> = {
  outside: 'path_outside',
  missing: 'file_missing',
  not_a_file: 'not_a_file',
  unreadable: 'unreadable',
  changing: 'changes_while_read',
};

/** The reasons in the order of the contract; a content that would be read for nothing is not. */
async function readFile(row: CopyRow, reading: ContentReading): Promise<StagedContent | KnownContent | UnfitContent> {
  const { assets, receive, onChunk } = reading;
  const path = row.text(fileField.path) ?? '';
  const problem = filePathProblem(path);
  if (problem !== undefined) return unfit('path_invalid', problem);
  const id = row.int64(fileField.id);
  const known = reading.trustsKnown ? await knownContent(id, reading) : undefined;
  const read = await readInside(
    assets.storageFolder(),
    path,
    async (file): Promise<ReadFile> => {
      onChunk();
      const wrong = sizeProblem(row, file.size) ?? timeProblem(row);
      if (wrong !== undefined) return wrong;
      const blob = known?.stat === file.stat ? known : await receive(observed(file, onChunk), id.toString());
      return { kind: 'received', blob, head: await file.head(headBytes) };
    },
    async (value) => {
      if (value.kind === 'received' && 'discard' in value.blob) await value.blob.discard();
    },
  );
  if (read.kind !== 'read') return unfit(reasonOf[read.kind], read.detail);
  if (read.value.kind === 'unfit') return read.value;
  const { blob, head } = read.value;
  const type = row.text(fileField.mime_type);
  const found = { stat: read.stat, warned: type !== null && (await contradicts(type, head)) };
  return 'discard' in blob ? { kind: 'content', blob, ...found } : { kind: 'known', ...blob, ...found };
}

type ReadFile =
  | {
      readonly kind: 'received';
      readonly blob: StagedBlob | (BlobInfo & { readonly stat: StatText });
      readonly head: Buffer;
    }
  | UnfitContent;

/** What the row's file was when it was moved, where its content is in the store and not known to be damaged. */
async function knownContent(
  id: bigint,
  { assets, databases }: ContentReading,
): Promise<(BlobInfo & { readonly stat: StatText }) | undefined> {
  const found = await atSide('cube', () =>
    databases.cube.query<BlobInfo & { readonly stat: StatText }>(
      `select sha256, blobs.size::float8 as size, file_stat as stat
         from paperwork.files join storage.blobs using (sha256)
        where id = $1 and file_stat is not null
          and not exists (select from storage.checks where checks.sha256 = files.sha256 and damage is not null)`,
      [id.toString()],
    ),
  );
  const [content] = found.rows;
  return content !== undefined && (await assets.store().has(content.sha256)) ? content : undefined;
}

function sizeProblem(row: CopyRow, found: number): UnfitContent | undefined {
  const size = row.isNull(fileField.size) ? null : row.int64(fileField.size);
  if (size === null || size === BigInt(found)) return undefined;
  return unfit('size_differs', `the row says ${size} bytes, the file has ${found}`);
}

function timeProblem(row: CopyRow): UnfitContent | undefined {
  return isCarriedTime(row, fileField.created_at) ? undefined : unfit('timestamp_invalid', 'created_at');
}

/** Types that say nothing of a content contradict none. */
const unspecific = ['', 'application/octet-stream'];

async function contradicts(type: string, head: Buffer): Promise<boolean> {
  return !unspecific.includes(type.trim().toLowerCase()) && (await mediaTypeOf(head, type)) !== type;
}

/** The same file, with each piece of it reported. */
function observed(file: OpenFile, onChunk: () => void): OpenFile {
  const from = async function* (position: number) {
    for await (const chunk of file.from(position)) {
      onChunk();
      yield chunk;
    }
  };
  return { ...file, from, [Symbol.asyncIterator]: () => from(0) };
}

function unfit(reason: string, detail: string): UnfitContent {
  return { kind: 'unfit', reason, detail };
}
