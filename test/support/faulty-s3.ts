import type { Socket } from 'node:net';
import { LoopbackProxy } from './loopback-proxy.js';

const request = /^(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP\/1\.1\r\n/;

/** A way to an S3 server on which single requests and answers fare as a test wants. */
export class FaultyS3 extends LoopbackProxy {
  /** Lines of the requests that came, as `PUT /bucket/key`. */
  readonly requests: string[] = [];
  /** So many of the next requests are answered here, with this status and code. */
  answers: { readonly status: number; readonly code: string; times: number } | undefined;
  /** Requests that come get no answer. */
  isSilent = false;
  /** So many of the next answers longer than that, and of the requests, are cut off after so many bytes. */
  cutAnswers: { readonly bytes: number; times: number } | undefined;
  cutRequests: { readonly bytes: number; times: number } | undefined;
  /** Of all bytes together, before more of them are carried. */
  bytesPerMillisecond = Number.POSITIVE_INFINITY;
  /** Called before a request goes on; it goes no further where this says so. */
  onRequest: (line: string) => boolean = () => true;

  static before(url: string): Promise<FaultyS3> {
    return new FaultyS3(url).listen();
  }

  get endpoint(): string {
    return this.url.replace(/\/$/, '');
  }

  protected override take(near: Socket, far: Socket): void {
    this.tie(near, far);
    this.tie(far, near);
    let [sent, answered] = [0, 0];
    near.on('data', (chunk: Buffer) => {
      const [, method, path] = request.exec(chunk.subarray(0, 4096).toString('latin1')) ?? [];
      if (method !== undefined) {
        [sent, answered] = [0, 0];
        const line = `${method} ${path}`;
        this.requests.push(line);
        if (!this.onRequest(line)) near.destroy();
        const { answers } = this;
        if (answers !== undefined && answers.times > 0) {
          answers.times -= 1;
          near.end(answerOf(answers));
          return;
        }
      }
      if (this.isSilent || near.destroyed || near.writableEnded) return;
      sent += chunk.length;
      if (this.cutRequests !== undefined && this.cutRequests.times > 0 && sent > this.cutRequests.bytes) {
        this.cutRequests.times -= 1;
        near.destroy();
      } else far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      answered += chunk.length;
      if (this.cutAnswers !== undefined && this.cutAnswers.times > 0 && answered > this.cutAnswers.bytes) {
        this.cutAnswers.times -= 1;
        near.destroy();
        return;
      }
      near.write(chunk);
      if (Number.isFinite(this.bytesPerMillisecond)) {
        far.pause();
        setTimeout(() => far.resume(), chunk.length / this.bytesPerMillisecond);
      }
    });
  }
}

function answerOf({ status, code }: { readonly status: number; readonly code: string }): string {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>of a test</Message></Error>`;
  const head = [`HTTP/1.1 ${status} As-It-Is`, 'Content-Type: application/xml', `Content-Length: ${body.length}`];
  return [...head, 'Connection: close', '', body].join('\r\n');
}
