import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A cube as a ramp's write check meets it: it answers that it can write, unless told why not. */
export class WritableCube {
  /** Why it cannot write; null while it can. */
  refusal: string | null = null;
  private readonly server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ writable: this.refusal === null, sentence: this.refusal }));
  });

  static async start(): Promise<WritableCube> {
    const cube = new WritableCube();
    await new Promise<void>((listening) => cube.server.listen(0, '127.0.0.1', listening));
    return cube;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}
