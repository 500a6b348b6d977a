import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayLimits } from '../context.js';
import { refusals, sendRawRefusal } from '../exchange/refusals.js';
import { watchProtocol } from './protocol-check.js';

/** A few header bytes more than the limit, so that who is just above it is told so properly. */
const parserRoom = 24 * 1024;
const idleCheckMillis = 250;

/** Node's HTTP server with the gateway's limits; what it cannot read is told of, given a name, and answered with a problem. */
export function createListener(limits: GatewayLimits, nameUnreadable: (status: number) => string): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes + parserRoom,
    headersTimeout: limits.headersMillis,
    // Bodies have time limits of their own: files may take longer.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, limits.headersMillis),
    keepAliveTimeout: 60_000,
    noDelay: true,
    // The door answers that with a problem.
    requireHostHeader: false,
  });
  // Node would leave the rest out without a word.
  server.maxHeadersCount = 0;
  watchProtocol(server);
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const refused = refusalOf(error.code);
    sendRawRefusal(socket, refused, ['X-Request-Id', nameUnreadable(refused.status)]);
  });
  return server;
}

function refusalOf(code: string | undefined) {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusals.headers;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusals.slow;
    default:
      return refusals.malformed;
  }
}

/** Takes no more; what is under way may come to its end within the limit, then `breakOff` ends it. */
export async function shutDown(server: Server, drainMillis: number, breakOff: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Kept-alive connections fall idle one after the other.
  const idle = setInterval(() => server.closeIdleConnections(), idleCheckMillis);
  const over = new AbortController();
  await Promise.race([closed, sleep(drainMillis, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
  clearInterval(idle);
  breakOff();
  server.closeAllConnections();
  await closed;
}
