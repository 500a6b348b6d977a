import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Where a connection keeps its filter. */
const filterOf = Symbol('filter of interim responses');
type FilteredSocket = Socket & { [filterOf]?: InterimResponseFilter };

// undici announces each request before it writes its headers; without pipelining the response to it comes next.
channel('undici:client:sendHeaders').subscribe((message) => {
  const { socket } = message as { readonly socket?: FilteredSocket };
  socket?.[filterOf]?.expect();
});

const interim = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/;
/** The start of the shortest interim response. */
const interimStart = 'HTTP/1.1 100 ';
const placeOfStatus = 'HTTP/1.1 '.length;
const one = '1'.charCodeAt(0);
const maxBytes = 16 * 1024;

/**
 * Removes interim responses (100, 102, 103 …) from the bytes of a connection: a proxy needs none of them, and undici treats a
 * 100 that it did not request as the end of the connection, although RFC 9110 requires every client to accept it. 101 is the
 * response to an upgrade and stays.
 */
export function withoutInterimResponses(socket: FilteredSocket): Socket {
  socket[filterOf] = new InterimResponseFilter(socket);
  return socket;
}

class InterimResponseFilter {
  private expecting = false;
  /** Bytes that are read and not yet classified. */
  private held: Buffer | null = null;
  private readonly readRaw: Socket['read'];

  constructor(socket: Socket) {
    this.readRaw = socket.read.bind(socket);
    socket.read = (size) => (this.expecting ? this.readAnswer() : this.readRaw(size));
  }

  /** The next bytes are the start of a response. */
  expect(): void {
    this.expecting = true;
  }

  private readAnswer(): Buffer | null {
    for (;;) {
      const chunk: Buffer | null = this.readRaw();
      if (chunk === null) return null;
      // Nearly every response: the first digit of its status is not 1.
      if (this.held === null && chunk.length > placeOfStatus && chunk[placeOfStatus] !== one) {
        this.expecting = false;
        return chunk;
      }
      const bytes = this.held === null ? chunk : Buffer.concat([this.held, chunk]);
      const rest = withoutInterim(bytes);
      this.held = rest !== null && isUndecided(rest) ? rest : null;
      if (rest === null || this.held !== null) continue;
      this.expecting = false;
      return rest;
    }
  }
}

/** Whether the bytes are the start of an interim response, or may become one. */
function isUndecided(bytes: Buffer): boolean {
  const start = startOf(bytes);
  return bytes.length < maxBytes && interim.test(start + interimStart.slice(start.length));
}

/** Null where there is nothing else. */
function withoutInterim(bytes: Buffer): Buffer | null {
  let rest = bytes;
  while (interim.test(startOf(rest))) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return rest;
    rest = rest.subarray(end + 4);
  }
  return rest.length === 0 ? null : rest;
}

function startOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, interimStart.length);
}
