import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** The other protocols that Node's parser accepts and reports as HTTP. */
const otherProtocols = ['RTSP/', 'ICE/'] as const;
const lineFeed = 0x0a;
const version = /^\d\.\d\r?$/;
/** Bytes kept of an unfinished line: more than method, the longest URL and protocol together. */
const maxLineBytes = 16 * 1024;
/** Maximum of lines kept for requests that the parser has not reported yet. */
const maxLines = 1000;

const noBytes = Buffer.alloc(0);

/** The lines of a connection that end like request lines of another protocol, until the parser reports the request that one may belong to. */
export class OtherLines {
  private unfinished: Buffer = noBytes;
  private isCut = false;
  private lines: { readonly text: string; readonly isCut: boolean; readonly chunk: number }[] = [];
  private chunk = 0;
  private requestChunk = 0;

  /** Reads bytes of the connection before the parser does. */
  see(bytes: Buffer): void {
    this.chunk += 1;
    // The head of a reported request ended in its chunk: earlier lines cannot belong to the next request.
    if (this.lines.length > 0) this.lines = this.lines.filter(({ chunk }) => chunk >= this.requestChunk);
    const text = this.unfinished.length === 0 ? bytes : Buffer.concat([this.unfinished, bytes]);
    const end = text.lastIndexOf(lineFeed) + 1;
    if (end > 0) {
      if (otherProtocols.some((name) => text.includes(name))) this.findLines(text.subarray(0, end));
      this.isCut = false;
    }
    const rest = text.subarray(end);
    if (rest.length > maxLineBytes) this.isCut = true;
    this.unfinished = rest.length === 0 ? noBytes : Buffer.from(rest.subarray(-maxLineBytes));
  }

  /** Whether the request that the parser has just reported came in a line of another protocol. */
  has(method: string, url: string): boolean {
    this.requestChunk = this.chunk;
    return this.lines.some(({ text, isCut }) => {
      // A cut line may have lost its URL to a flood of spaces.
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
      // The last kept line represents all that follow: any request then counts as one of another protocol.
      if (line !== null && this.lines.length < maxLines)
        this.lines.push({ text: line, isCut: isCut || this.lines.length === maxLines - 1, chunk: this.chunk });
      start = end + 1;
    }
  }
}

/** The part of a line before the version of another protocol, with method and URL; null for other lines. */
function beforeProtocol(line: Buffer): string | null {
  const tail = line.subarray(-9).toString('latin1');
  for (const name of otherProtocols) {
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
 * Reads the bytes of every connection before the server's parser does. A listener for a socket's data disables the parser's
 * direct reading of the socket, which costs two microseconds a request.
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

/** Whether a request is HTTP/1.0 or 1.1. To be called once, as soon as the server reports it; false for an unwatched connection. */
export function isHttp(req: IncomingMessage): boolean {
  const lines = watched.get(req.socket)?.lines;
  return lines !== undefined && !lines.has(req.method ?? '', req.url ?? '') && req.httpVersionMajor === 1;
}
