import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type pg from 'pg';
import { Failure, failureRule } from '../../src/base/failures.js';
import { ContentHead, readHead } from '../../src/documents/content-head.js';
import { mediaTypeOf } from '../../src/documents/media-type.js';
import { filePathProblem } from '../../src/domain/paperwork/file-path.js';
import { type LegacyFile, readFileId, writeFile } from '../../src/domain/paperwork/legacy-file.js';
import { readResultCursor, writeResultPage } from '../../src/domain/paperwork/legacy-result.js';
import { isProcessKind, readProcess, writeProcess } from '../../src/domain/paperwork/process.js';
import type { PaperworkRefusal } from '../../src/domain/paperwork/refusal.js';
import { metadataRefused, plainMimeType, type UploadLimits, uploadLimits } from '../../src/domain/paperwork/upload.js';
import { receiveUpload } from '../../src/http/content/receive-upload.js';
import { type ContentRefusal, sendContent } from '../../src/http/content/send-content.js';
import { entityTagOf, openContent } from '../../src/storage/inside-content.js';
import type { LegacyFolder } from '../../src/storage/inside-folder.js';
import { removeInside, stageUpload } from '../../src/storage/write-inside.js';
import { parseJsonBodies } from '../json-bodies.js';
import { malformed, notFound, Problem, problemOf, registerProblems, sendProblem } from '../problem.js';
import { Processing } from './processing.js';
import { deleteFile, findFile, insertFile, listResults } from './rows.js';

const words = {
  notFound: 'Name a file by the id that its upload was answered with.',
  bodyTooLarge: 'The body is larger than 1 MiB.',
};

export interface PaperworkServiceOptions {
  readonly pool: pg.Pool;
  /** LEGACY_STORAGE_DIR. */
  readonly folder: LegacyFolder;
  readonly limits?: UploadLimits;
}

type ById = { readonly Params: { readonly id: string } };

/**
 * The monolith's paperwork service without its listener. It shares with the cube what must not differ between the two: the shapes, how a
 * path is opened, how an upload is received and stored, and how a content is sent.
 */
export function buildPaperworkService({
  pool,
  folder,
  limits = uploadLimits,
}: PaperworkServiceOptions): FastifyInstance {
  const processing = new Processing(pool, folder);
  const app = Fastify({
    bodyLimit: 1024 * 1024,
    // An upload of a gigabyte over a slow line takes longer than any time that fits other requests.
    requestTimeout: 0,
    routerOptions: { maxParamLength: 8192 },
    // A URL that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, _, reply) => sendProblem(reply, problemOf(error, words), words),
  });
  registerProblems(app, words);
  app.removeAllContentTypeParsers();
  parseJsonBodies(app);
  app.addHook('onClose', () => processing.close());
  app.get('/health', async () => ({ status: 'up' }));

  async function fileOf({ params: { id } }: FastifyRequest<ById>): Promise<LegacyFile> {
    const read = readFileId(id);
    const row = read === undefined ? undefined : await findFile(pool, read);
    if (row === undefined) throw noFile();
    return row;
  }

  app.register(async (uploads) => {
    // The body is not parsed before the route reads it.
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser('*', (_, __, done) => done(null));
    uploads.post('/files', async (request, reply) =>
      sendJson(reply.code(201), writeFile(await upload(request, reply))),
    );
  });

  async function upload(request: FastifyRequest, reply: FastifyReply): Promise<LegacyFile> {
    if (!/^multipart\/form-data\s*;/i.test(request.headers['content-type'] ?? ''))
      throw new Problem(415, 'invalid_input', 'The body must be multipart/form-data.', 'body');
    const received = await receiveUpload(request, reply, limits, {
      store: async (name, content) => {
        const head = new ContentHead();
        return { ...(await stageUpload(folder, name, head.of(content))), head };
      },
      discard: (stored) => stored.discard(),
    }).catch(unavailable);
    if (received.kind === 'refusal') throw refused(received);
    const { stored, mimeType, metadata } = received;
    await stored.keep().catch(unavailable);
    try {
      return await insertFile(pool, {
        path: stored.path,
        size: stored.size,
        mimeType: await mediaTypeOf(stored.head.bytes, plainMimeType(mimeType)),
        metadata,
      });
    } catch (error) {
      await stored.discard();
      throw isRefusedJson(error) ? refused(metadataRefused) : error;
    }
  }

  app.get<ById>('/files/:id', async (request, reply) => sendJson(reply, writeFile(await fileOf(request))));

  app.route<ById>({
    method: ['GET', 'HEAD'],
    url: '/files/:id/content',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const row = await fileOf(request);
      const content = filePathProblem(row.path) === undefined ? await openContent(folder, row.path) : undefined;
      if (content?.kind !== 'open') throw notFound('The content of the file is not there.');
      const tag = entityTagOf(content.stat);
      const head = await readHead(content.read, content.size);
      const mimeType = await mediaTypeOf(head, plainMimeType(row.mime_type));
      const refusal = await sendContent(request, reply, { ...content, tag, mimeType, path: row.path });
      if (refusal !== undefined) throw refused(refusal);
      return reply;
    },
  });

  app.delete<ById>('/files/:id', async ({ params }, reply) => {
    const id = readFileId(params.id);
    const row = id === undefined ? undefined : await deleteFile(pool, id);
    if (row === undefined) throw noFile();
    processing.forget(row.id);
    if (filePathProblem(row.path) === undefined) await removeInside(folder, row.path).catch(unavailable);
    return reply.code(204).send();
  });

  app.post<ById>('/files/:id/process', async (request, reply) => {
    const read = readProcess(request.body);
    if (read.kind === 'refusal') throw refused(read);
    return sendJson(reply.code(202), writeProcess(processing.start(await fileOf(request), read.process)));
  });

  app.get<{ Params: { id: string; kind: string } }>('/files/:id/process/:kind', async (request, reply) => {
    const { kind } = request.params;
    const { id } = await fileOf(request);
    const view = isProcessKind(kind) ? await processing.view(id, kind) : undefined;
    if (view === undefined) throw notFound('The file was not processed in this way.');
    return sendJson(reply, writeProcess(view));
  });

  app.get<ById>('/files/:id/results', async (request, reply) => {
    const after = readResultCursor(request.query);
    if (after === undefined) throw malformed('cursor', 'cursor is none that a page gave.');
    const { id } = await fileOf(request);
    return sendJson(reply, writeResultPage(await listResults(pool, id, after)));
  });
  return app;
}

/** What a file system refuses, as the service answers it. */
function unavailable(error: unknown): never {
  if (!(error instanceof Failure)) throw error;
  throw new Problem(failureRule(error.type).httpStatus, error.type, 'Files cannot be stored or removed now.');
}

function refused({ status, field, detail }: PaperworkRefusal | ContentRefusal): Problem {
  return new Problem(status, 'invalid_input', detail, field);
}

function noFile(): Problem {
  return notFound('There is no such file.');
}

/** Text with a NUL, or a number beyond all. */
function isRefusedJson(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    ['22P02', '22P05', '22003', '22032', '54001'].includes(String(error.code))
  );
}

/** A row may change at any time. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text);
}
