import type { Bucket } from './bucket.js';
import { codeIn, type S3Request, type S3Requests } from './requests.js';
import { escapeXml, type XmlAnswer } from './xml-answer.js';

/** An upload that was begun and not ended, whose parts take room. */
export interface OpenUpload {
  readonly key: string;
  readonly id: string;
  readonly begunAt: Date;
}

interface Piece {
  readonly key: string;
  /** As a header names it; all of the object without one. */
  readonly range?: string;
}

/** A larger object is copied piece by piece: a server takes no copy of more than 5 GiB, and says nothing during one. */
const copiedAtOnce = 256 * 1024 * 1024;

/** Copies within one bucket: no byte comes to this machine. All throw `storage_unreachable` and `disk_full`. */
export class Copies {
  constructor(
    private readonly requests: S3Requests,
    private readonly bucket: Bucket,
  ) {}

  /** Replaces what is at `to`; false where nothing is at `from`. */
  async copy(from: string, to: string): Promise<boolean> {
    const found = await this.bucket.look(from);
    if (found === undefined) return false;
    if (found.size > copiedAtOnce) return this.joinPieces(piecesOf(from, found.size), to);
    const copied = await this.copyOf({ key: from }, { method: 'PUT', key: to });
    return copied !== undefined;
  }

  /** Makes one object of others, each but the last of 5 MiB at least; false where one of them is missing. */
  async join(parts: readonly string[], to: string): Promise<boolean> {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return this.copy(only, to);
    return this.joinPieces(
      parts.map((key) => ({ key })),
      to,
    );
  }

  /** Those whose keys begin like this. */
  async *uploads(prefix: string): AsyncGenerator<OpenUpload> {
    for (let marker: Readonly<Record<string, string>> | undefined = {}; marker !== undefined; ) {
      const page: XmlAnswer = await this.requests.ask({ method: 'GET', query: { uploads: '', prefix, ...marker } });
      for (const one of page.all('Upload'))
        yield { key: one.text('Key'), id: one.text('UploadId'), begunAt: new Date(one.text('Initiated')) };
      marker =
        page.text('IsTruncated') === 'true'
          ? { 'key-marker': page.text('NextKeyMarker'), 'upload-id-marker': page.text('NextUploadIdMarker') }
          : undefined;
    }
  }

  async abort({ key, id }: Pick<OpenUpload, 'key' | 'id'>): Promise<void> {
    const answer = await this.requests.send({ method: 'DELETE', key, query: { uploadId: id }, expects: [404] });
    await answer.dump();
  }

  private async joinPieces(pieces: readonly Piece[], to: string): Promise<boolean> {
    const begun = await this.requests.ask({ method: 'POST', key: to, query: { uploads: '' } });
    const upload = { key: to, id: begun.text('UploadId') };
    try {
      const tags: string[] = [];
      for (const [index, piece] of pieces.entries()) {
        const query = { partNumber: String(index + 1), uploadId: upload.id };
        const copied = await this.copyOf(piece, { method: 'PUT', key: to, query });
        if (copied === undefined) {
          await this.abort(upload);
          return false;
        }
        tags.push(copied.text('ETag'));
      }
      const query = { uploadId: upload.id };
      await this.requests.ask({ method: 'POST', key: to, query, body: completion(tags), copies: true });
      return true;
    } catch (error) {
      // The error says what is wrong with the server; the sweep aborts what stays.
      await this.abort(upload).catch(() => undefined);
      throw error;
    }
  }

  /** Undefined where the source is missing. */
  private async copyOf({ key, range }: Piece, request: S3Request): Promise<XmlAnswer | undefined> {
    const answer = await this.requests.send({
      ...request,
      headers: {
        'X-Amz-Copy-Source': `/${this.requests.settings.bucket}/${key}`,
        ...(range === undefined ? {} : { 'X-Amz-Copy-Source-Range': range }),
      },
      expects: [404],
      copies: true,
    });
    const text = await answer.text();
    return answer.status === 404 && codeIn(text) === 'NoSuchKey' ? undefined : this.requests.read(answer, text);
  }
}

function piecesOf(key: string, size: number): readonly Piece[] {
  return Array.from({ length: Math.ceil(size / copiedAtOnce) }, (_, index) => {
    const start = index * copiedAtOnce;
    return { key, range: `bytes=${start}-${Math.min(size, start + copiedAtOnce) - 1}` };
  });
}

function completion(tags: readonly string[]): Buffer {
  const parts = tags.map(
    (tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`,
  );
  return Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
}
