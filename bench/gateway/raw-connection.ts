import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * A kept-alive connection that knows no more of HTTP than a load needs: whole requests as text, answers with a
 * Content-Length, one at a time. A client library takes more of the processor than what is measured with it.
 */
export class RawConnection {
  private received = '';
  /** Characters of the answer, once its head is there. */
  private expected = 0;
  private onAnswer: ((status: number) => void) | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.take(text));
    socket.on('error', () => undefined);
    socket.on('close', () => this.end(0));
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** `onAnswer` gets the status of the answer; 0 when the connection broke, or had broken before. */
  send(request: string, onAnswer: (status: number) => void): void {
    this.onAnswer = onAnswer;
    if (this.socket.destroyed) setImmediate(() => this.end(0));
    else this.socket.write(request, 'latin1');
  }

  close(): void {
    this.onAnswer = undefined;
    this.socket.destroy();
  }

  private take(text: string): void {
    this.received += text;
    if (this.expected === 0) {
      const head = this.received.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.received.slice(0, head))?.[1]);
      this.expected = head + 4 + length;
    }
    // Without a length the end of the answer is unknown.
    if (Number.isNaN(this.expected)) this.socket.destroy();
    else if (this.received.length >= this.expected) this.end(Number(this.received.slice(9, 12)));
  }

  private end(status: number): void {
    const { onAnswer } = this;
    this.received = '';
    this.expected = 0;
    this.onAnswer = undefined;
    onAnswer?.(status);
  }
}
