import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fileNameProblem } from '../../domain/paperwork/file-path.js';
import { type PaperworkRefusal, refusal } from '../../domain/paperwork/refusal.js';
import {
  fileTooLarge,
  metadataTooLarge,
  readMetadata,
  type UploadLimits,
  uploadBodyBytes,
} from '../../domain/paperwork/upload.js';

/** A file that was received whole, and what came with it. */
export interface ReceivedUpload<T> {
  readonly kind: 'received';
  readonly name: string;
  /** The media type that the client gives the file; undefined where it gives none. */
  readonly mimeType: string | undefined;
  /** JSON, or null. */
  readonly metadata: string | null;
  /** What `store` returned of its content. */
  readonly stored: T;
}

export interface UploadSink<T> {
  /** Stores the content as it comes. It ends in an error where the upload is cut off or refused. */
  store(name: string, content: AsyncIterable<Buffer>): Promise<T>;
  /** Takes back what was stored of an upload that is refused after all. */
  discard(stored: T): Promise<void>;
}

/**
 * Receives `POST /files`: `multipart/form-data` with one `file`, and `metadata` before or after it. Memory does not grow with the file.
 * Nothing stays stored of an upload that is refused, cut off, or whose storing fails; the latter throws.
 */
export async function receiveUpload<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  limits: UploadLimits,
  sink: UploadSink<T>,
): Promise<ReceivedUpload<T> | PaperworkRefusal> {
  const received = await receive(request.raw, limits, sink);
  // A client that still sends would not read the answer, and its next request would begin in the middle of this one.
  if (received.kind === 'refusal' && !(await isReadToItsEnd(request.raw))) reply.header('connection', 'close');
  return received;
}

async function receive<T>(
  request: IncomingMessage,
  limits: UploadLimits,
  sink: UploadSink<T>,
): Promise<ReceivedUpload<T> | PaperworkRefusal> {
  if (Number(request.headers['content-length'] ?? 0) > uploadBodyBytes(limits)) return fileTooLarge(limits);
  const form = new UploadForm(limits, sink);
  const refused = await form.read(request);
  const { name, mimeType, metadata, storing } = form;
  // A refusal can come while the file is still being stored.
  const stored = await storing?.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (stored !== undefined && 'error' in stored && refused === undefined) throw stored.error;
  const read = refused ?? readMetadata(metadata);
  if (read.kind === 'refusal' || stored === undefined || 'error' in stored) {
    if (stored !== undefined && 'value' in stored) await sink.discard(stored.value);
    return read.kind === 'refusal' ? read : refusal(400, 'file', 'There is no file.');
  }
  return { kind: 'received', name, mimeType, metadata: read.metadata, stored: stored.value };
}

/** How much of a refused body is read, and for how long, before its connection is closed. */
const maxIgnoredBytes = 64 * 1024 * 1024;
const maxIgnoredMillis = 5000;

async function isReadToItsEnd(request: IncomingMessage): Promise<boolean> {
  if (request.complete) return true;
  let ignored = 0;
  const enough = new AbortController();
  const end = () => enough.abort();
  request.on('data', (chunk: Buffer) => {
    ignored += chunk.length;
    if (ignored > maxIgnoredBytes) end();
  });
  request.once('end', end).once('close', end).resume();
  await sleep(maxIgnoredMillis, undefined, { signal: enough.signal }).catch(() => undefined);
  return request.complete;
}

class UploadForm<T> {
  name = '';
  mimeType: string | undefined;
  metadata: string | null = null;
  storing: Promise<T> | undefined;
  private file: Readable | undefined;

  constructor(
    private readonly limits: UploadLimits,
    private readonly sink: UploadSink<T>,
  ) {}

  /** Resolves once all parts were read, with undefined, or at the first thing that is wrong. The rest of the body is then ignored. */
  read(request: IncomingMessage): Promise<PaperworkRefusal | undefined> {
    return new Promise((resolve) => {
      const parser = this.parserOf(request.headers);
      if (parser === undefined) {
        resolve(refusal(400, 'body', unreadable));
        return;
      }
      const end = (refused?: PaperworkRefusal) => {
        request.unpipe(parser);
        request.resume();
        if (refused !== undefined) this.file?.destroy(new Error('the upload was refused'));
        resolve(refused);
      };
      parser.on('file', (field, file, name, _encoding, mimeType) => {
        this.file = file;
        // Whoever reads it gets the error; a refused one has no reader.
        file.on('error', () => undefined);
        const problem = field === 'file' ? fileNameProblem(name ?? '') : undefined;
        if (field !== 'file') end(refusal(400, field.slice(0, 100), 'There is no such field.'));
        else if (problem !== undefined) end(refusal(422, 'file', problem));
        else this.receive(file, name, mimeType, end);
      });
      parser.on('field', (field, value, _nameCut, isCut) => {
        if (field === 'file') end(refusal(400, 'file', 'The field file has no file.'));
        else if (field !== 'metadata') end(refusal(400, field.slice(0, 100), 'There is no such field.'));
        else if (isCut) end(metadataTooLarge(this.limits));
        else this.metadata = value;
      });
      for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const)
        parser.on(limit, () => end(refusal(400, 'body', 'A field comes more than once.')));
      parser.on('finish', () => end());
      parser.on('error', () => end(refusal(400, 'body', unreadable)));
      request.on('close', () => request.complete || end(refusal(400, 'body', 'The request ended before its body.')));
      request.pipe(parser);
    });
  }

  private receive(file: Readable, name: string, mimeType: string, end: (refused: PaperworkRefusal) => void): void {
    this.name = name;
    this.mimeType = mimeType;
    file.once('limit', () => end(fileTooLarge(this.limits)));
    this.storing = this.sink.store(name, file as AsyncIterable<Buffer>);
    // What fails here is thrown by `receiveUpload`; until then the rest of the file must not hold up the parser.
    this.storing.catch(() => file.resume());
  }

  private parserOf(headers: IncomingMessage['headers']): BusboyInstance | undefined {
    const { 'content-type': type = '' } = headers;
    const { maxFileBytes, maxMetadataBytes } = this.limits;
    try {
      return new Busboy({
        headers: { ...headers, 'content-type': type },
        // The name is kept as it was given, and refused where it is a path.
        preservePath: true,
        // A file or a text of exactly the size is within it.
        limits: { files: 1, fields: 1, parts: 3, fileSize: maxFileBytes, fieldSize: maxMetadataBytes, headerPairs: 20 },
      });
    } catch {
      return undefined;
    }
  }
}

const unreadable = 'The request could not be read: its body is not valid multipart/form-data.';
