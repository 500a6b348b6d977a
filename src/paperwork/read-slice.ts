import { join } from 'node:path';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { type DocumentLimits, defaultDocumentLimits } from '../documents/document-limits.js';
import type { DocumentPool, OpenDocument } from '../documents/document-pool.js';
import type { ReadingKind } from '../documents/page-content.js';
import { UnreadableDocument } from '../documents/unreadable-document.js';
import type { ProcessFailureReason } from '../domain/paperwork/process-failure.js';
import type { ProcessRequest } from '../domain/paperwork/processing-request.js';
import { withWorkingFolder } from '../storage/working-folder.js';
import { type ContentPlaces, copyContent } from './copy-content.js';
import type { FindFile } from './find-file.js';
import type { ProcessingRecord, ProcessingRecords } from './processing-records.js';

export interface SliceDependencies {
  readonly records: ProcessingRecords;
  readonly findFile: FindFile;
  readonly places: ContentPlaces;
  readonly pool: DocumentPool;
  readonly reach: ReachCrashPoint;
  readonly limits?: Pick<DocumentLimits, 'maxFileBytes'>;
  /** After how long of reading a slice ends. */
  readonly sliceMillis?: number;
}

/** What came of a slice. `forgotten`: the request has ended, was replaced, or its file was deleted. */
export type SliceOutcome =
  | { readonly kind: 'read'; readonly page: number; readonly pages: number }
  | { readonly kind: 'failed'; readonly reason: ProcessFailureReason }
  | { readonly kind: 'forgotten' };

/** Characters of all pages, as JSON. */
const maxCharacters = 32 * 1024 * 1024;
/** A process may end for reasons that are not the document's, as memory that others took: it is read once more, and not again. */
const maxProcesses = 2;

/**
 * Reads some pages of a document behind those that are kept, and keeps each; of a killed worker's another one reads on. Should the content or
 * what reads it be another one than before, it begins with the first page. Throws what the services that it needs throw, `ReadingStopped`, and
 * the reason of the signal.
 */
export async function readSlice(
  request: ProcessRequest,
  signal: AbortSignal,
  dependencies: SliceDependencies,
): Promise<SliceOutcome> {
  const { records, findFile, places, limits = defaultDocumentLimits } = dependencies;
  const record = await records.find(request);
  if (record === undefined) return { kind: 'forgotten' };
  const row = await findFile(request.fileId);
  if (row === undefined) return { kind: 'failed', reason: 'file_deleted' };
  return withWorkingFolder(async (folder) => {
    const file = join(folder, 'content');
    const copied = await copyContent(places, row, file, limits.maxFileBytes);
    if (copied.kind === 'failed') return copied;
    return readCopy(request, record, file, copied.sha256, signal, dependencies);
  });
}

async function readCopy(
  request: ProcessRequest,
  record: ProcessingRecord,
  file: string,
  content: string,
  signal: AbortSignal,
  dependencies: SliceDependencies,
): Promise<SliceOutcome> {
  for (let processes = 1; ; processes++) {
    const current = processes === 1 ? record : await dependencies.records.find(request);
    if (current === undefined) return { kind: 'forgotten' };
    try {
      return await readWith(request, current, file, content, signal, dependencies);
    } catch (error) {
      if (!(error instanceof UnreadableDocument)) throw error;
      if (error.endedProcess && processes < maxProcesses) continue;
      // What has no text that can be copied out may be a picture of one.
      if (mayBePicture(request, current.reading, error)) {
        const isOpen = await dependencies.records.readAs(request, 'ocr');
        return isOpen ? { kind: 'read', page: 0, pages: 1 } : { kind: 'forgotten' };
      }
      const isEmpty = isNoPicture(request, current.reading, error) && (await isText(dependencies.pool, file, signal));
      return { kind: 'failed', reason: isEmpty ? 'text_missing' : error.reason };
    }
  }
}

function mayBePicture({ kind }: ProcessRequest, reading: ReadingKind, { reason }: UnreadableDocument): boolean {
  return kind === 'classify' && reading === 'text' && reason === 'type_unsupported';
}

function isNoPicture({ kind }: ProcessRequest, reading: ReadingKind, { reason }: UnreadableDocument): boolean {
  return kind === 'classify' && reading === 'ocr' && reason === 'type_unsupported';
}

/** What is read as a picture though it has text as text was found to have an empty one. */
async function isText(pool: DocumentPool, file: string, signal: AbortSignal): Promise<boolean> {
  try {
    const document = await pool.open(file, 'text', signal);
    await document.close();
    return true;
  } catch (error) {
    if (error instanceof UnreadableDocument) return false;
    throw error;
  }
}

async function readWith(
  request: ProcessRequest,
  record: ProcessingRecord,
  file: string,
  content: string,
  signal: AbortSignal,
  { records, pool, reach, sliceMillis = 15_000 }: SliceDependencies,
): Promise<SliceOutcome> {
  const { reading } = record;
  const document = await pool.open(file, reading, signal);
  // Ends its process where a page is being read: that may take minutes.
  const stop = () => void document.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { pages } = document;
    const begun = { reading, content, method: document.madeBy, pages };
    let page = pageOf(record, document, content);
    if (page === undefined) {
      page = 0;
      if (!(await records.begin(request, begun))) return { kind: 'forgotten' };
    }
    let characters = await records.keptLength(request);
    for (const end = performance.now() + sliceMillis; page < pages && performance.now() < end; ) {
      signal.throwIfAborted();
      const read = await document.readPage(page + 1);
      characters += JSON.stringify(read).length;
      if (characters > maxCharacters) return { kind: 'failed', reason: 'too_large' };
      reach('before-page-kept');
      if (!(await records.keepPage(request, begun, page + 1, read))) return { kind: 'forgotten' };
      reach('after-page-kept');
      page += 1;
    }
    return { kind: 'read', page, pages };
  } catch (error) {
    // What the signal stopped ends with the reason of the signal.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await document.close();
  }
}

/** The last page that is kept of just this reading; undefined where it has to begin. */
function pageOf(record: ProcessingRecord, { madeBy, pages }: OpenDocument, content: string): number | undefined {
  const isSame = record.content === content && record.method === madeBy && record.pages === pages;
  return isSame ? (record.page ?? undefined) : undefined;
}
