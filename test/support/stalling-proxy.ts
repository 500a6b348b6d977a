import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A way to a database on which single statements stay under way for as long as a test wants: sent by their program, and
 * not yet there, as those of a program that was frozen with its hand on the socket.
 */
export class StallingProxy {
  private readonly waiting = new Map<string, (stalled: Stalled) => void>();
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  static async before(url: string): Promise<StallingProxy> {
    const server = createServer();
    const proxy = new StallingProxy(server, new URL(url));
    server.on('connection', (socket) => proxy.take(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    const url = new URL(this.target);
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Holds the next statement with `text` in it, that one alone; resolves when it is held. */
  stall(text: string): Promise<Stalled> {
    return new Promise((resolve) => this.waiting.set(text, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  private take(near: Socket): void {
    const far = connect({ port: Number(this.target.port), host: this.target.hostname });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    far.on('data', (chunk) => void near.write(chunk));
    near.on('data', (chunk) => {
      const [text, tell] = [...this.waiting].find(([wanted]) => chunk.includes(wanted)) ?? [];
      if (text === undefined || tell === undefined) {
        far.write(chunk);
        return;
      }
      this.waiting.delete(text);
      near.pause();
      tell({
        letGo: async () => {
          const answered = once(far, 'data');
          far.write(chunk);
          await answered;
          near.resume();
        },
      });
    });
  }
}

export interface Stalled {
  /** Lets the statement arrive; resolves when the server has answered it. */
  letGo(): Promise<void>;
}
