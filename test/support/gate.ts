import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** A TCP way to a server that a test shuts and opens: shut, it refuses connections and cuts those it had. */
export class Gate {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly target: { host: string; port: number },
    private ownPort: number,
  ) {}

  /** An open gate to `host:port`. */
  static async to(host: string, port: number): Promise<Gate> {
    const gate = new Gate({ host, port }, 0);
    await gate.open();
    return gate;
  }

  /** A gate to the server of a URL, and the URL that leads through it. */
  static async toUrl(url: string): Promise<{ gate: Gate; url: string }> {
    const address = new URL(url);
    const gate = await Gate.to(address.hostname, Number(address.port));
    address.port = String(gate.port);
    return { gate, url: address.href };
  }

  get port(): number {
    return this.ownPort;
  }

  async open(): Promise<void> {
    if (this.server !== undefined) return;
    const server = createServer((near) => {
      const far = dial(this.target);
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          this.sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far);
      far.pipe(near);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: this.ownPort, host: '127.0.0.1' }, resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.ownPort = address.port;
    this.server = server;
  }

  async shut(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
