import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import aws4 from 'aws4';
import { Pool } from 'undici';
import { connectionFailure, passesByItself, type Refusal, refusalFailure } from './s3-failure.js';
import type { S3Settings } from './settings.js';
import { readXml, type XmlAnswer } from './xml-answer.js';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Of an object; left out, the request is for the bucket. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Of the body in hexadecimal digits, where it is known. */
  readonly bodySha256?: string;
  /** Answers that are no refusal, apart from those of success. */
  readonly expects?: readonly number[];
  /** A copy within the server, which says nothing until it has ended. */
  readonly copies?: boolean;
}

export interface S3Answer {
  readonly status: number;
  header(name: string): string;
  readonly body: AsyncIterable<Buffer>;
  /** Reads the body to its end, or gives it up. */
  text(): Promise<string>;
  dump(): Promise<void>;
}

export interface RequestOptions {
  readonly clock: () => Date;
  /** No answer, or no byte of one, for so long ends an attempt. */
  readonly silenceMillis: number;
  readonly attempts: number;
  /** Before the second attempt; twice as long before each that follows. */
  readonly pauseMillis: number;
}

const connectMillis = 5000;
const copyMillis = 300_000;
const requestsAtOnce = 32;
const maxErrorBytes = 64 * 1024;

/**
 * Signed requests to one bucket, each tried a few times where that can help. Throws what `s3-failure.ts` makes of the last attempt. A clock
 * that the server refuses is corrected by the time that it gives. Nothing of the environment counts, nor of files of the user's.
 */
export class S3Requests {
  /** Contents are read for as long as their readers take: what is written does not wait for those. */
  private readonly reading: Pool;
  private readonly other: Pool;
  private readonly host: string;
  private readonly path: string;
  private skewMillis = 0;

  constructor(
    readonly settings: S3Settings,
    private readonly options: RequestOptions,
  ) {
    const { origin, host, pathname } = new URL(settings.endpoint);
    const timeouts = {
      connect: { timeout: connectMillis },
      headersTimeout: options.silenceMillis,
      bodyTimeout: options.silenceMillis,
    };
    this.reading = new Pool(origin, { ...timeouts, connections: null });
    this.other = new Pool(origin, { ...timeouts, connections: requestsAtOnce });
    this.host = host;
    this.path = `${pathname.replace(/\/$/, '')}/${settings.bucket}`;
  }

  async send(request: S3Request): Promise<S3Answer> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= this.options.attempts;
      const answer = await this.attempt(request).catch((error: unknown) => {
        const failure = connectionFailure(error, this.settings);
        if (isLast || failure === error) throw failure;
      });
      if (answer !== undefined) {
        if (answer.status < 300 || request.expects?.includes(answer.status)) return answer;
        const refusal = await this.refusalOf(request, answer);
        const mayPass = this.correctClock(refusal, answer) || passesByItself(refusal);
        if (isLast || !mayPass) throw refusalFailure(refusal, this.settings);
      }
      await sleep(this.options.pauseMillis * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
    }
  }

  /** `send`, with the answer read. */
  async ask(request: S3Request): Promise<XmlAnswer> {
    const answer = await this.send(request);
    return this.read(answer, await answer.text());
  }

  /** A copy that fails after it was begun is answered as a success, with an error as its text. */
  read({ status }: S3Answer, text: string): XmlAnswer {
    const xml = readXml(text);
    if (xml !== undefined && xml.name !== 'Error' && status < 300) return xml;
    throw refusalFailure({ status: status < 300 ? 500 : status, code: codeIn(text) }, this.settings);
  }

  private async attempt(request: S3Request): Promise<S3Answer> {
    const { method, key, query = {}, body, copies = false } = request;
    const search = Object.entries(query)
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .join('&');
    const path = `${this.path}${key === undefined ? '' : `/${key}`}${search === '' ? '' : `?${search}`}`;
    const pool = method === 'GET' && key !== undefined ? this.reading : this.other;
    const answer = await pool.request({
      method,
      path,
      headers: this.signedHeaders(request, path),
      ...(body === undefined ? {} : { body }),
      ...(copies ? { headersTimeout: copyMillis, bodyTimeout: copyMillis } : {}),
    });
    const { statusCode: status, body: content } = answer;
    const header = (name: string) => String(answer.headers[name] ?? '');
    const explained = (error: unknown): never => {
      throw connectionFailure(error, this.settings);
    };
    if (pool === this.reading || status >= 300)
      return {
        status,
        header,
        body: content,
        text: () => content.text().catch(explained),
        dump: () => content.dump(),
      };
    // One that breaks off is as good as none, and the request is tried again.
    const text = await content.text();
    return { status, header, body: inOnePiece(text), text: async () => text, dump: async () => undefined };
  }

  private signedHeaders({ method, headers, body, bodySha256 }: S3Request, path: string): Record<string, string> {
    const now = new Date(this.options.clock().getTime() + this.skewMillis);
    const signed = aws4.sign(
      {
        service: 's3',
        region: this.settings.region,
        method,
        path,
        headers: {
          ...headers,
          Host: this.host,
          'X-Amz-Date': now.toISOString().replace(/[-:]|\.\d{3}/g, ''),
          'X-Amz-Content-Sha256':
            bodySha256 ??
            createHash('sha256')
              .update(body ?? '')
              .digest('hex'),
          ...(body === undefined ? {} : { 'Content-Length': String(body.length) }),
        },
      },
      { accessKeyId: this.settings.accessKey, secretAccessKey: this.settings.secretKey },
    );
    return Object.fromEntries(Object.entries(signed.headers ?? {}).map(([name, value]) => [name, String(value)]));
  }

  /** Why a request was refused: the answer to a HEAD says nothing of it, and so the same is asked for by a GET. */
  private async refusalOf(request: S3Request, answer: S3Answer): Promise<Refusal> {
    const { status } = answer;
    if (request.method !== 'HEAD') return { status, code: codeIn(await boundedText(answer)) };
    await answer.dump();
    if (passesByItself({ status, code: '' })) return { status, code: '' };
    const asked = await this.attempt({ ...request, method: 'GET', headers: { Range: 'bytes=0-0' } }).catch(
      () => undefined,
    );
    return { status, code: asked === undefined ? '' : codeIn(await boundedText(asked)) };
  }

  /** Takes over the time of a server that refuses this machine's; true where that may help. */
  private correctClock({ code }: Refusal, answer: S3Answer): boolean {
    if (code !== 'RequestTimeTooSkewed') return false;
    const time = Date.parse(answer.header('date'));
    if (!Number.isNaN(time)) this.skewMillis = time - this.options.clock().getTime();
    return !Number.isNaN(time);
  }

  async close(): Promise<void> {
    await Promise.all([this.reading.close(), this.other.close()]);
  }
}

/** The word for why in the text of an answer; empty where there is none. */
export function codeIn(text: string): string {
  const answer = readXml(text);
  const code = answer?.name === 'Error' ? answer.text('Code') : '';
  return /^\w{1,100}$/.test(code) ? code : '';
}

async function boundedText({ body }: S3Answer): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxErrorBytes) break;
    }
  } catch {
    // What has come says enough: the status alone, should it be nothing.
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function* inOnePiece(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
