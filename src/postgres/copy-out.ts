import type pg from 'pg';
import { Failure } from '../base/failures.js';

/** The messages of the protocol that matter here: https://www.postgresql.org/docs/16/protocol-message-formats.html */
const copyData = 'd'.charCodeAt(0);
/** Messages that may come before and between the data: the answer to COPY itself, notices, settings, notifications. */
const asides: ReadonlySet<number> = new Set([...'HNSA'].map((letter) => letter.charCodeAt(0)));
/** A letter and the length of what follows, the length's own four bytes included. */
const headLength = 5;

/**
 * Takes CopyData messages off a connection's bytes. PostgreSQL sends one a row; each is unwrapped where it lies, so that a
 * row costs a move of its bytes and no object.
 */
export class CopyDataUnwrapper {
  private begun: Buffer[] = [];
  private begunLength = 0;
  /** Bytes still missing from the current message. */
  private wanted = headLength;

  /**
   * The contents of the messages that `chunk` completes, one behind the other, in memory that may be `chunk`'s own.
   * `rest`: what follows the data, from the first message on that is neither data nor an aside.
   */
  push(chunk: Buffer): { data: Buffer; rest: Buffer | undefined } {
    this.begun.push(chunk);
    this.begunLength += chunk.length;
    // A message larger than many chunks is put together once, not once a chunk.
    if (this.begunLength < this.wanted) return { data: chunk.subarray(0, 0), rest: undefined };
    const bytes = this.begun.length === 1 ? chunk : Buffer.concat(this.begun);
    let read = 0;
    let written = 0;
    this.wanted = headLength;
    while (bytes.length - read >= headLength) {
      const kind = bytes[read] ?? 0;
      if (kind !== copyData && !asides.has(kind)) {
        return { data: bytes.subarray(0, written), rest: bytes.subarray(read) };
      }
      const end = read + 1 + bytes.readInt32BE(read + 1);
      if (end > bytes.length) {
        this.wanted = end - read;
        break;
      }
      if (kind === copyData) {
        bytes.copyWithin(written, read + headLength, end);
        written += end - read - headLength;
      }
      read = end;
    }
    this.begun = read < bytes.length ? [bytes.subarray(read)] : [];
    this.begunLength = bytes.length - read;
    return { data: bytes.subarray(0, written), rest: undefined };
  }
}

/** Above this many unconsumed bytes the connection is not read any further. */
const maxUntaken = 512 * 1024;

/**
 * A COPY … TO STDOUT whose bytes are taken with `for await`, at the pace of the consumer: hand it to
 * `client.query`. While it runs it reads the connection itself, past the driver, which makes an object of every row.
 * Fails with what the server or the connection fails with; only the stream's own format shows whether it is whole.
 */
export class CopyOut {
  private connection: pg.Connection | undefined;
  private driver: ((bytes: Buffer) => void) | undefined;
  private readonly unwrapper = new CopyDataUnwrapper();
  private untaken: Buffer[] = [];
  private untakenLength = 0;
  private end: { readonly error: unknown } | 'complete' | undefined;
  private wake: () => void = () => undefined;

  constructor(private readonly statement: string) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const [chunk] = this.untaken;
        if (chunk !== undefined) {
          this.untaken.shift();
          this.untakenLength -= chunk.length;
          if (this.untaken.length === 0) this.connection?.stream.resume();
          yield chunk;
        } else if (this.end === 'complete') return;
        else if (this.end !== undefined) throw this.end.error;
        else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.breakOff();
      this.untaken = [];
    }
  }

  /** Called by the driver when it is this statement's turn. */
  submit(connection: pg.Connection): void {
    const [driver, ...others] = connection.stream.listeners('data') as ((bytes: Buffer) => void)[];
    if (driver === undefined || others.length > 0) {
      this.finish({ error: new Failure('unexpected', 'The database driver reads its connection in an unknown way.') });
      return;
    }
    this.connection = connection;
    this.driver = driver;
    connection.stream.removeListener('data', driver);
    connection.stream.on('data', this.receive);
    connection.query(this.statement);
  }

  /** The driver's calls once the connection is its own again. */
  handleError(error: unknown): void {
    this.giveBack();
    this.finish({ error });
  }

  handleCommandComplete(): void {
    // Whether all of it came the stream's own trailer says.
  }

  handleReadyForQuery(): void {
    this.finish('complete');
  }

  private readonly receive = (chunk: Buffer): void => {
    const { data, rest } = this.unwrapper.push(chunk);
    if (data.length > 0) {
      this.untaken.push(data);
      this.untakenLength += data.length;
      if (this.untakenLength >= maxUntaken) this.connection?.stream.pause();
      this.wake();
    }
    if (rest === undefined) return;
    const { driver } = this;
    this.giveBack();
    driver?.(rest);
  };

  private giveBack(): void {
    const { connection, driver } = this;
    if (connection === undefined || driver === undefined) return;
    this.driver = undefined;
    connection.stream.removeListener('data', this.receive);
    connection.stream.on('data', driver);
    connection.stream.resume();
  }

  /**
   * Ends the connection of a COPY that was left in the middle. Given back it would hand the driver the rest of a message,
   * which it takes for other messages: it would throw at one it does not expect, or keep gigabytes for one it waits for.
   */
  private breakOff(): void {
    const { connection, driver } = this;
    if (connection === undefined || driver === undefined) return;
    this.giveBack();
    connection.stream.destroy();
  }

  private finish(end: NonNullable<typeof this.end>): void {
    this.end ??= end;
    this.wake();
  }
}
