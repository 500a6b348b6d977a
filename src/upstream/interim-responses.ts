import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const filters = new WeakMap<Socket, InterimResponseFilter>();

// undici tells of each request whose headers it writes next; on a connection without pipelining its answer follows.
channel('undici:client:sendHeaders').subscribe((message) => {
  const { socket } = message as { readonly socket?: Socket };
  if (socket !== undefined) filters.get(socket)?.expect();
});

const interim = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/;
/** How the shortest of them begins. */
const interimAnswer = 'HTTP/1.1 100 ';
const placeOfStatus = 'HTTP/1.1 '.length;
const one = '1'.charCodeAt(0);
const maxBytes = 16 * 1024;

/**
 * Takes interim answers (100, 102, 103 …) away from what a connection reads, as many as come: who forwards waits for none of
 * them, and undici takes a 100 that it did not ask for, which RFC 9110 has every client bear, for the end of the connection.
 * 101 is the answer to an upgrade and stays.
 */
export function withoutInterimResponses(socket: Socket): Socket {
  filters.set(socket, new InterimResponseFilter(socket));
  return socket;
}

class InterimResponseFilter {
  private expecting = false;
  /** Read, and not yet told apart. */
  private held: Buffer | null = null;
  private readonly readRaw: Socket['read'];

  constructor(socket: Socket) {
    this.readRaw = socket.read.bind(socket);
    socket.read = (size) => (this.expecting ? this.readAnswer() : this.readRaw(size));
  }

  /** The next bytes are the beginning of an answer. */
  expect(): void {
    this.expecting = true;
  }

  private readAnswer(): Buffer | null {
    for (;;) {
      const chunk: Buffer | null = this.readRaw();
      if (chunk === null) return null;
      // Nearly every answer: the first digit of its status says that it is none of them.
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

/** Whether they are the beginning of an interim answer, or may become one. */
function isUndecided(bytes: Buffer): boolean {
  const start = startOf(bytes);
  return bytes.length < maxBytes && interim.test(start + interimAnswer.slice(start.length));
}

/** Null where nothing else came. */
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
  return bytes.toString('latin1', 0, interimAnswer.length);
}
