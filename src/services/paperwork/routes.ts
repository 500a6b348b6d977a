import type { FastifyInstance, FastifyReply } from 'fastify';
import { Failure } from '../../base/failures.js';
import { filePathProblem } from '../../domain/paperwork/file-path.js';
import { type LegacyFile, readFileId, writeFile } from '../../domain/paperwork/legacy-file.js';
import { readResultCursor, writeResultPage } from '../../domain/paperwork/legacy-result.js';
import { isProcessKind, readProcess, writeProcess } from '../../domain/paperwork/process.js';
import { sendContent } from '../../http/content/send-content.js';
import type { LegacyCalls } from '../../http/legacy-calls.js';
import { notJson, RequestRefusal, registerErrorHandler } from '../../http/request-errors.js';
import type { RouteMethods } from '../../http/route-methods.js';
import type { ProcessingRequests } from '../../paperwork/processing-requests.js';
import { removeInside } from '../../storage/write-inside.js';
import type { Contents } from './contents.js';
import type { FileRows } from './file-rows.js';
import { acceptUpload, type UploadsOptions } from './uploads.js';

export interface PaperworkRoutesOptions extends UploadsOptions {
  /** Called where the processing of a file that was deleted could not be dropped. */
  readonly onNotForgotten: (error: unknown) => void;
  readonly rows: FileRows;
  readonly contents: Contents;
  readonly processing: ProcessingRequests;
  /** It says how far it is with what was requested of it. */
  readonly legacy: LegacyCalls;
}

type ById = { readonly Params: { readonly id: string } };

/** The routes of the monolith's paperwork service. As there, any caller may name any file: both sides answer a client alike. */
export function registerPaperworkRoutes(
  app: FastifyInstance,
  options: PaperworkRoutesOptions,
  methods: RouteMethods,
): void {
  const { rows, contents, processing, legacy, folder } = options;
  registerErrorHandler(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => done(null, body));

  app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    // The route reads the body itself.
    uploads.addContentTypeParser('*', (_, __, done) => done(null));
    uploads.post('/files', async (request, reply) => {
      if (!/^multipart\/form-data\s*;/i.test(request.headers['content-type'] ?? ''))
        throw new RequestRefusal(415, 'body', 'The body must be multipart/form-data.');
      return sendJson(reply.code(201), writeFile(await acceptUpload(options, request, reply)));
    });
  });

  const fileOf = async (id: string): Promise<LegacyFile> => {
    const known = readFileId(id);
    return found(known === undefined ? undefined : await rows.find(known));
  };

  app.get<ById>('/files/:id', async ({ params }, reply) => sendJson(reply, writeFile(await fileOf(params.id))));

  app.route<ById>({
    method: ['GET', 'HEAD'],
    url: '/files/:id/content',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const content = await contents.open(await fileOf(request.params.id));
      if (content === undefined) throw notFound('The content of the file is not there.');
      const refusal = await sendContent(request, reply, content);
      if (refusal !== undefined) throw new RequestRefusal(refusal.status, refusal.field, refusal.detail);
      return reply;
    },
  });

  app.delete<ById>('/files/:id', async ({ params }, reply) => {
    const id = readFileId(params.id);
    const { id: removed, path } = found(id === undefined ? undefined : await rows.remove(id));
    // What is left of it without the cube database ends by itself: there is no file any more.
    await processing.forget(removed).catch((error: unknown) => options.onNotForgotten(error));
    // A path that leads elsewhere was never served, and what it leads to is not the row's to remove.
    if (filePathProblem(path) === undefined) await removeInside(folder, path);
    return reply.code(204).send();
  });

  app.get<ById>('/files/:id/results', async ({ params, query }, reply) => {
    const after = readResultCursor(query);
    if (after === undefined) throw new RequestRefusal(400, 'cursor', 'cursor is none that a page gave.');
    const { id } = await fileOf(params.id);
    return sendJson(reply, writeResultPage(await rows.results(id, after)));
  });

  app.post<ById & { Body: string | undefined }>('/files/:id/process', async ({ params, body }, reply) => {
    const read = readProcess(readJson(body));
    if (read.kind === 'refusal') throw new RequestRefusal(read.status, read.field, read.detail);
    const { id } = await fileOf(params.id);
    return sendJson(reply.code(202), writeProcess(await processing.request(id, read.process)));
  });

  app.get<{ Params: { id: string; kind: string } }>('/files/:id/process/:kind', async ({ params }, reply) => {
    const id = readFileId(params.id);
    const { kind } = params;
    const view = id !== undefined && isProcessKind(kind) ? await processing.view(id, kind) : undefined;
    return view === undefined ? legacy.passOn(reply, undefined) : sendJson(reply, writeProcess(view));
  });

  app.all('/*', async (request, reply) => {
    if (await methods.refuse(request, reply)) return;
    throw notFound('There is no such route.');
  });
}

function readJson(body: string | undefined): unknown {
  try {
    return body === undefined || body === '' ? undefined : JSON.parse(body);
  } catch {
    throw new RequestRefusal(400, 'body', notJson);
  }
}

/** A row may change at any time. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text);
}

function found(row: LegacyFile | undefined): LegacyFile {
  if (row === undefined) throw notFound('There is no such file.');
  return row;
}

function notFound(detail: string): Failure {
  // The monolith's exact words: both sides answer a client alike.
  return new Failure('not_found', detail, { hint: 'Name a file by the id that its upload was answered with.' });
}
