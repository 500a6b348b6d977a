import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { big } from './copy-rows.js';

/** What a statement is answered with; without an end the connection is cut behind the chunks. */
export interface CopyAnswer {
  readonly chunks: readonly Buffer[];
  readonly completes: boolean;
}

/**
 * Answers every statement on its connections with one COPY, byte for byte as told: what no PostgreSQL can be made to
 * send. Rule: https://www.postgresql.org/docs/16/protocol-flow.html.
 */
export class CopyServer {
  answer: CopyAnswer = { chunks: [], completes: true };
  private readonly server = createServer((socket) => this.serve(socket));

  static async start(): Promise<CopyServer> {
    const started = new CopyServer();
    started.server.listen(0, '127.0.0.1');
    await once(started.server, 'listening');
    return started;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `postgres://nobody@127.0.0.1:${port}/none?sslmode=disable`;
  }

  async stop(): Promise<void> {
    this.server.close();
    await once(this.server, 'close');
  }

  private serve(socket: Socket): void {
    let greeted = false;
    socket.on('error', () => undefined);
    socket.on('data', (received) => {
      if (!greeted) socket.write(Buffer.concat([message('R', big(4, 0)), ready]));
      else if (received.toString('latin1', 0, 1) === 'Q') this.sendCopy(socket);
      greeted = true;
    });
  }

  private sendCopy(socket: Socket): void {
    const { chunks, completes } = this.answer;
    const begun = [message('H', Buffer.from('010000', 'hex')), ...chunks.map((chunk) => message('d', chunk))];
    if (completes) socket.write(Buffer.concat([...begun, message('c'), message('C', Buffer.from('COPY 0\0')), ready]));
    else socket.end(Buffer.concat(begun));
  }
}

function message(kind: string, content: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from(kind), big(4, content.length + 4), content]);
}

const ready = message('Z', Buffer.from('I'));
