import type { ByteRange } from '../../domain/byte-range.js';
import type { Sha256 } from '../blob-store.js';
import { codeIn, type S3Request, type S3Requests } from './requests.js';
import { refusalFailure } from './s3-failure.js';
import type { XmlAnswer } from './xml-answer.js';

/** An object as a list or a look has it. */
export interface ObjectInfo {
  readonly size: number;
  readonly changedAt: Date;
}

export interface ListedObject extends ObjectInfo {
  readonly key: string;
}

/** The body of an object, and the server's word for which version of it this is. */
export interface OpenObject {
  readonly version: string;
  readonly body: AsyncIterable<Buffer>;
}

/**
 * The objects of one bucket. An ETag is the server's word for a version and says nothing of the bytes. All throw `storage_unreachable` and
 * `disk_full`.
 */
export class Bucket {
  private hasConditions = true;

  constructor(private readonly requests: S3Requests) {}

  /** Undefined where there is none. */
  async look(key: string): Promise<ObjectInfo | undefined> {
    const answer = await this.requests.send({ method: 'HEAD', key, expects: [404] });
    await answer.dump();
    if (answer.status === 404) return undefined;
    return { size: Number(answer.header('content-length')), changedAt: new Date(answer.header('last-modified')) };
  }

  /**
   * The object, or a range of it as far as it goes; undefined where there is none, or another `version` than `open` gave before. `body` is
   * read to its end, or given up.
   */
  async open(key: string, range?: ByteRange, version?: string): Promise<OpenObject | undefined> {
    const answer = await this.requests.send({
      method: 'GET',
      key,
      expects: [404, 412, 416],
      headers: {
        ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
        ...(version === undefined ? {} : { 'If-Match': version }),
      },
    });
    const { status } = answer;
    if (status < 300) return { version: answer.header('etag'), body: answer.body };
    const code = codeIn(await answer.text());
    if (status === 416) return { version: '', body: nothing() };
    if (status === 412 || code === 'NoSuchKey') return undefined;
    throw refusalFailure({ status, code }, this.requests.settings);
  }

  /** Replaces what is there. `sha256` is that of the body, where it is known. */
  async put(key: string, body: Buffer, sha256?: Sha256): Promise<void> {
    const answer = await this.requests.send(putOf(key, body, sha256));
    await answer.dump();
  }

  /** False where something is there already, which stays; a server that knows no conditions replaces it. */
  async putNew(key: string, body: Buffer, sha256: Sha256): Promise<boolean> {
    if (this.hasConditions) {
      const answer = await this.requests.send({
        ...putOf(key, body, sha256),
        headers: { 'If-None-Match': '*' },
        expects: [412, 501],
      });
      await answer.dump();
      if (answer.status !== 501) return answer.status !== 412;
      this.hasConditions = false;
    }
    await this.put(key, body, sha256);
    return true;
  }

  async delete(key: string): Promise<void> {
    const answer = await this.requests.send({ method: 'DELETE', key, expects: [404] });
    await answer.dump();
  }

  /** In the order of their keys, behind `after`. */
  async *list(prefix: string, after = ''): AsyncGenerator<ListedObject> {
    for await (const page of this.pages({ prefix, ...(after === '' ? {} : { 'start-after': after }) }))
      for (const one of page.all('Contents'))
        yield { key: one.text('Key'), size: Number(one.text('Size')), changedAt: new Date(one.text('LastModified')) };
  }

  /** What keys begin with behind a prefix, up to the next delimiter and with it. */
  async *groups(prefix: string, delimiter: string): AsyncGenerator<string> {
    for await (const page of this.pages({ prefix, delimiter }))
      for (const one of page.all('CommonPrefixes')) yield one.text('Prefix').slice(prefix.length);
  }

  private async *pages(query: Readonly<Record<string, string>>): AsyncGenerator<XmlAnswer> {
    for (let token = ''; ; ) {
      const continued = token === '' ? {} : { 'continuation-token': token };
      const page = await this.requests.ask({ method: 'GET', query: { 'list-type': '2', ...query, ...continued } });
      yield page;
      token = page.text('IsTruncated') === 'true' ? page.text('NextContinuationToken') : '';
      if (token === '') return;
    }
  }
}

function putOf(key: string, body: Buffer, bodySha256: Sha256 | undefined): S3Request {
  return { method: 'PUT', key, body, ...(bodySha256 === undefined ? {} : { bodySha256 }) };
}

async function* nothing(): AsyncGenerator<Buffer> {}
