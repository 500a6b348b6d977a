import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a program and a server on the loopback address; what it does to a connection is its subclass's. */
export abstract class LoopbackProxy {
  protected readonly sockets = new Set<Socket>();
  private readonly server = createServer((near) => {
    const far = connect({ port: Number(this.target.port), host: this.target.hostname });
    this.take(near, far);
  });
  private readonly target: URL;

  /** Before the server of `url`. */
  constructor(url: string) {
    this.target = new URL(url);
  }

  /** The same server, through this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  /** Carries what comes on one side of a connection to the other. */
  protected abstract take(near: Socket, far: Socket): void;

  /** One side that ends takes the other along. */
  protected tie(socket: Socket, other: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      this.sockets.delete(socket);
      other.destroy();
    });
  }
}
