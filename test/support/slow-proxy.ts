import type { Socket } from 'node:net';
import { LoopbackProxy } from './loopback-proxy.js';

/** A server that takes its time: what it answers arrives `delayMillis` later, in order. */
export class SlowProxy extends LoopbackProxy {
  delayMillis = 0;

  static before(url: string): Promise<SlowProxy> {
    return new SlowProxy(url).listen();
  }

  protected override take(near: Socket, far: Socket): void {
    this.tie(near, far);
    this.tie(far, near);
    near.on('data', (chunk) => void far.write(chunk));
    let lastDue = 0;
    far.on('data', (chunk) => {
      const now = performance.now();
      lastDue = Math.max(lastDue, now + this.delayMillis);
      setTimeout(() => near.write(chunk), lastDue - now);
    });
  }
}
