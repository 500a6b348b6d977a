import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A network that can be cut: stands between a program and a server on the loopback address. */
export class TcpProxy {
  private state: 'open' | 'refusing' | 'silent' = 'open';
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {}

  /** Before the server of `url`. */
  static async before(url: string): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, new URL(url));
    server.on('connection', (socket) => proxy.take(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** The same database, through this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** Closes every connection, and each new one at once. */
  refuse(): void {
    this.state = 'refusing';
    for (const socket of this.sockets) socket.destroy();
  }

  /** Accepts, and passes nothing, in either direction. */
  silence(): void {
    this.state = 'silent';
    for (const socket of this.sockets) socket.pause();
  }

  /** Passes everything again; what was held back arrives late, as after a cable was put back. */
  heal(): void {
    this.state = 'open';
    for (const socket of this.sockets) socket.resume();
  }

  async close(): Promise<void> {
    this.refuse();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  private take(near: Socket): void {
    const far = connect({ port: Number(this.target.port), host: this.target.hostname });
    this.join(near, far);
    this.join(far, near);
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', (chunk) => {
      // Slow readers slow the sender down, as without a proxy.
      if (!to.write(chunk)) from.pause();
      if (this.state === 'silent') from.pause();
    });
    to.on('drain', () => {
      if (this.state === 'open') from.resume();
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
    if (this.state === 'refusing') from.destroy();
    if (this.state === 'silent') from.pause();
  }
}
