import type { Socket } from 'node:net';
import { LoopbackProxy } from './loopback-proxy.js';

/** A network that can be cut: stands between a program and a server on the loopback address. */
export class TcpProxy extends LoopbackProxy {
  private state: 'open' | 'refusing' | 'silent' = 'open';

  static before(url: string): Promise<TcpProxy> {
    return new TcpProxy(url).listen();
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

  override close(): Promise<void> {
    this.refuse();
    return super.close();
  }

  protected override take(near: Socket, far: Socket): void {
    this.join(near, far);
    this.join(far, near);
  }

  private join(from: Socket, to: Socket): void {
    this.tie(from, to);
    from.on('data', (chunk) => {
      // Slow readers slow the sender down, as without a proxy.
      if (!to.write(chunk)) from.pause();
      if (this.state === 'silent') from.pause();
    });
    to.on('drain', () => {
      if (this.state === 'open') from.resume();
    });
    if (this.state === 'refusing') from.destroy();
    if (this.state === 'silent') from.pause();
  }
}
