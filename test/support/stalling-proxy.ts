import { once } from 'node:events';
import type { Socket } from 'node:net';
import { LoopbackProxy } from './loopback-proxy.js';

/**
 * A way to a server on which single messages stay under way for as long as a test wants: sent by their program, and not
 * yet there, as those of a program that was frozen with its hand on the socket.
 */
export class StallingProxy extends LoopbackProxy {
  private readonly waiting = new Map<string, (stalled: Stalled) => void>();

  static before(url: string): Promise<StallingProxy> {
    return new StallingProxy(url).listen();
  }

  /** Holds the next message with `text` in it, that one alone; resolves when it is held. */
  stall(text: string): Promise<Stalled> {
    return new Promise((resolve) => this.waiting.set(text, resolve));
  }

  protected override take(near: Socket, far: Socket): void {
    this.tie(near, far);
    this.tie(far, near);
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
          // A server that has ended the session meanwhile takes nothing any more.
          const answered = far.destroyed || Promise.race([once(far, 'data'), once(far, 'close')]);
          far.write(chunk);
          await answered;
          near.resume();
        },
      });
    });
  }
}

export interface Stalled {
  /** Lets the message arrive; resolves when the server has sent something since. */
  letGo(): Promise<void>;
}
