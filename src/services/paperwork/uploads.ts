import type { FastifyReply, FastifyRequest } from 'fastify';
import { ContentHead } from '../../documents/content-head.js';
import { mediaTypeOf } from '../../documents/media-type.js';
import type { LegacyFile } from '../../domain/paperwork/legacy-file.js';
import { metadataRefused, plainMimeType, type UploadLimits } from '../../domain/paperwork/upload.js';
import { receiveUpload } from '../../http/content/receive-upload.js';
import { RequestRefusal } from '../../http/request-errors.js';
import type { LegacyFolder } from '../../storage/inside-folder.js';
import { type StagedUpload, stageUpload } from '../../storage/write-inside.js';
import { type FileRows, MetadataRefused, NotInserted } from './file-rows.js';

export interface UploadsOptions {
  readonly rows: Pick<FileRows, 'insert'>;
  /** LEGACY_STORAGE_DIR. */
  readonly folder: LegacyFolder;
  readonly limits: UploadLimits;
}

interface Received {
  readonly file: StagedUpload;
  /** The first bytes of the content. */
  readonly head: Buffer;
}

/**
 * Receives an upload into legacy's folder and, once it is durable there under its name, writes its row. Nothing stays of one that is refused
 * or cut off; a program that dies, or a database of which nothing is heard after the row was sent, leaves at most a file without a row.
 * Throws `RequestRefusal`, and the failures of folder and database.
 */
export async function acceptUpload(
  { rows, folder, limits }: UploadsOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<LegacyFile> {
  const received = await receiveUpload<Received>(request, reply, limits, {
    store: async (name, content) => {
      const head = new ContentHead();
      const file = await stageUpload(folder, name, head.of(content));
      return { file, head: head.bytes };
    },
    discard: ({ file }) => file.discard(),
  });
  if (received.kind === 'refusal') throw new RequestRefusal(received.status, received.field, received.detail);
  const { stored, metadata } = received;
  const { file } = stored;
  // What the client calls the file counts where its bytes do not contradict.
  const mimeType = await mediaTypeOf(stored.head, plainMimeType(received.mimeType));
  await file.keep();
  try {
    return await rows.insert({ path: file.path, size: file.size, mimeType, metadata });
  } catch (error) {
    if (error instanceof MetadataRefused || error instanceof NotInserted) await file.discard();
    if (!(error instanceof MetadataRefused)) throw error;
    throw new RequestRefusal(metadataRefused.status, metadataRefused.field, metadataRefused.detail);
  }
}
