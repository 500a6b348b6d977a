import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** What Node's parser takes beside HTTP, and says of it what it says of HTTP. */
const others = ['RTSP/', 'ICE/'] as const;
const lineFeed = 0x0a;
const version = /^\d\.\d\r?$/;
/** Of a line that has not ended yet: more than method, the longest URL and protocol together. */
const keptBytes = 16 * 1024;
/** What may be kept of lines that no request has been told of. */
const keptLines = 1000;

const noBytes = Buffer.alloc(0);

/** The lines of a connection that end as request lines of another protocol do, until the request is there that one may belong to. */
export class OtherLines {
  private unfinished: Buffer = noBytes;
  private isCut = false;
  private lines: { readonly text: string; readonly isCut: boolean; readonly chunk: number }[] = [];
  private chunk = 0;
  private requestChunk = 0;

  /** Takes what came, before the parser does. */
  see(bytes: Buffer): void {
    this.chunk += 1;
    // The head of a request that was told of had ended in its chunk: what came before is no line of the next.
    if (this.lines.length > 0) this.lines = this.lines.filter(({ chunk }) => chunk >= this.requestChunk);
    const text = this.unfinished.length === 0 ? bytes : Buffer.concat([this.unfinished, bytes]);
    const end = text.lastIndexOf(lineFeed) + 1;
    if (end > 0) {
      if (others.some((name) => text.includes(name))) this.findLines(text.subarray(0, end));
      this.isCut = false;
    }
    const rest = text.subarray(end);
    if (rest.length > keptBytes) this.isCut = true;
    this.unfinished = rest.length === 0 ? noBytes : Buffer.from(rest.subarray(-keptBytes));
  }

  /** Whether a request, of which the parser has just told, came in a line of another protocol. */
  has(method: string, url: string): boolean {
    this.requestChunk = this.chunk;
    return this.lines.some(({ text, isCut }) => {
      // What is cut may have lost its URL to a flood of spaces.
      if (isCut) return true;
      return (
        text.endsWith(url) &&
        text
          .slice(0, text.length - url.length)
          .trimEnd()
          .endsWith(method)
      );
    });
  }

  private findLines(text: Buffer): void {
    let isCut = this.isCut;
    for (let start = 0; start < text.length; isCut = false) {
      const end = text.indexOf(lineFeed, start);
      const line = beforeProtocol(text.subarray(start, end));
      // The last that is kept stands for all that follow, which are not told apart any more.
      if (line !== null && this.lines.length < keptLines)
        this.lines.push({ text: line, isCut: isCut || this.lines.length === keptLines - 1, chunk: this.chunk });
      start = end + 1;
    }
  }
}

/** Method and URL, and what may stand before them, of a line that ends with the version of another protocol. */
function beforeProtocol(line: Buffer): string | null {
  const tail = line.subarray(-9).toString('latin1');
  for (const name of others) {
    const at = tail.lastIndexOf(name);
    if (at !== -1 && version.test(tail.slice(at + name.length)))
      return line
        .subarray(0, line.length - (tail.length - at))
        .toString('latin1')
        .trimEnd();
  }
  return null;
}

interface Watched {
  readonly lines: OtherLines;
  readonly see: (bytes: Buffer) => void;
}

const watched = new WeakMap<Socket, Watched>();

/**
 * Looks at the bytes of every connection before the server's parser does. Who listens to a socket's data takes it off the
 * path on which the parser reads by itself: two microseconds a request.
 */
export function watchProtocol(server: Server): void {
  server.on('connection', (socket: Socket) => {
    const lines = new OtherLines();
    const see = (bytes: Buffer) => lines.see(bytes);
    watched.set(socket, { lines, see });
    socket.prependListener('data', see);
  });
  for (const event of ['upgrade', 'connect'] as const)
    server.prependListener(event, (_req: IncomingMessage, socket: Socket) => {
      const watch = watched.get(socket);
      if (watch !== undefined) socket.off('data', watch.see);
    });
}

/** Whether a request is one of HTTP/1.0 or 1.1; to be asked once, as soon as the server tells of it. One whose bytes nobody looked at is not. */
export function isHttp(req: IncomingMessage): boolean {
  const lines = watched.get(req.socket)?.lines;
  return lines !== undefined && !lines.has(req.method ?? '', req.url ?? '') && req.httpVersionMajor === 1;
}
