import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Side } from '../../../domain/side.js';
import type { CallOutcome } from '../../../upstream/breaker.js';
import type { Attempt } from '../../../upstream/upstream.js';
import { type GatewayRefusal, refusals } from './refusals.js';
import type { ResponseHeaderReader } from './response-headers.js';
import { closeGracefully, halfClosedMillis } from './send-refusal.js';

export interface UpgradeRequest {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  /** What the client sent after its headers. */
  readonly first: Buffer;
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly side: Side;
  readonly requestId: string;
  readonly attempt: Attempt;
  readonly responseHeaders: ResponseHeaderReader;
  readonly responseMillis: number;
  /** Between two parts of a response that declines. */
  readonly idleMillis: number;
  /** Called when nothing reached the upstream: true when it forwards the request elsewhere. */
  readonly onUnreachable: () => boolean;
  /** Called with the status of the response, unless the request was refused. */
  readonly onResponse: (status: number) => void;
  /** Called with the refusal to send. */
  readonly onRefused: (refused: GatewayRefusal) => void;
}

/** Opens a WebSocket at the upstream and connects both ends; the client gets the response of an upstream that declines. */
export function forwardUpgrade(request: UpgradeRequest): void {
  const { attempt, target, headers } = request;
  const handler = new UpgradeHandler(request);
  attempt.member.connections.dispatch(
    { method: 'GET', path: target, headers: [...headers], upgrade: 'websocket' },
    handler,
  );
}

/** undici's raw callbacks for one connection that becomes a WebSocket, or is declined. */
class UpgradeHandler implements Dispatcher.DispatchHandler {
  private abort: ((error?: Error) => void) | undefined;
  private declined = false;
  /** Whether the attempt is complete. */
  private over = false;
  private timer: NodeJS.Timeout;

  constructor(private readonly request: UpgradeRequest) {
    const { socket, responseMillis } = request;
    this.timer = setTimeout(() => this.fail('timed_out', refusals.timedOut), responseMillis);
    socket.once('close', this.onClientClose);
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.over) abort();
    this.abort = abort;
  }

  onUpgrade(_status: number, raw: Buffer[] | string[] | null, upstream: Duplex): void {
    const { socket, first, side, requestId, responseHeaders } = this.request;
    if (this.over) {
      upstream.destroy();
      return;
    }
    this.respond(101, 'answered');
    this.detach();
    const { forwarded } = responseHeaders.read((raw ?? []).map(asBuffer), true);
    socket.write(
      responseHead(101, 'Switching Protocols', [
        'Connection',
        'Upgrade',
        'Upgrade',
        'websocket',
        ...forwarded,
        'X-Cube-Target',
        side,
        'X-Request-Id',
        requestId,
      ]),
    );
    if (first.length > 0) upstream.write(first);
    forwardBytes(socket, upstream);
    forwardBytes(upstream, socket);
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    if (this.over || status < 200) return true;
    const { socket, side, requestId, responseHeaders, idleMillis } = this.request;
    this.respond(status, status >= 500 ? 'failed' : 'answered');
    this.declined = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => socket.resetAndDestroy(), idleMillis);
    const { forwarded } = responseHeaders.read(raw, status === 204);
    socket.on('drain', () => {
      this.timer.refresh();
      resume();
    });
    // Without a length the end of the connection ends the body.
    socket.write(
      responseHead(status, 'Declined', [
        ...forwarded,
        'X-Cube-Target',
        side,
        'X-Request-Id',
        requestId,
        'Connection',
        'close',
      ]),
    );
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (!this.declined) return true;
    this.timer.refresh();
    return this.request.socket.write(chunk);
  }

  onComplete(): void {
    if (!this.declined) return;
    const { socket } = this.request;
    socket.once('finish', () => {
      this.detach();
      closeGracefully(socket);
    });
    socket.end();
  }

  onError(): void {
    // A reset, so that the client does not take an incomplete response for complete.
    if (this.declined) this.request.socket.resetAndDestroy();
    else this.fail('failed', refusals.failed);
  }

  /** The client has gone: the upstream's response is not needed. */
  private readonly onClientClose = (): void => {
    if (!this.over) this.respond(499, 'abandoned');
    this.detach();
    this.abort?.();
  };

  private fail(outcome: 'failed' | 'timed_out', refused: GatewayRefusal): void {
    if (this.over) return;
    this.detach();
    this.end(outcome, false);
    if (this.abort === undefined && this.request.onUnreachable()) return;
    this.abort?.();
    this.request.onRefused(refused);
  }

  private respond(status: number, outcome: CallOutcome): void {
    this.end(outcome, true);
    this.request.onResponse(status);
  }

  private end(outcome: CallOutcome, answered: boolean): void {
    this.over = true;
    this.request.attempt.complete(outcome, answered);
  }

  /** Releases the client's connection. */
  private detach(): void {
    clearTimeout(this.timer);
    this.request.socket.off('close', this.onClientClose);
  }
}

/** Copies bytes from one end to the other with backpressure; the end of one soon ends both. */
function forwardBytes(from: Duplex, to: Duplex): void {
  from.on('error', () => to.destroy());
  from.on('end', () => {
    const timer = setTimeout(() => {
      from.destroy();
      to.destroy();
    }, halfClosedMillis);
    timer.unref();
  });
  from.on('close', () => {
    if (!from.readableEnded) to.destroy();
  });
  from.pipe(to);
}

function responseHead(status: number, reason: string, headers: readonly string[]): Buffer {
  const lines = headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]}\r\n`] : []));
  return Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n`, 'latin1');
}

function asBuffer(part: Buffer | string): Buffer {
  return typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
}
