import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayLimits } from '../context.js';
import { refusals } from '../exchange/refusals.js';
import { sendRawRefusal } from '../exchange/send-refusal.js';
import { watchProtocol } from './protocol-check.js';

/** More header bytes than the limit, so that a request just above it gets a proper refusal. */
const parserRoom = 24 * 1024;
const idleCheckMillis = 250;

/** Node's HTTP server with the gateway's limits. `onUnreadable` counts what its parser refuses and gives the request id of the problem. */
export function createListener(limits: GatewayLimits, onUnreadable: (status: number) => string): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes + parserRoom,
    headersTimeout: limits.headersMillis,
    // Bodies have time limits of their own: files may take longer.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, limits.headersMillis),
    keepAliveTimeout: 60_000,
    noDelay: true,
    // Admission refuses a missing Host header with a problem.
    requireHostHeader: false,
  });
  // Otherwise Node drops further headers silently.
  server.maxHeadersCount = 0;
  watchProtocol(server);
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const refused = refusalOf(error.code);
    sendRawRefusal(socket, refused, ['X-Request-Id', onUnreadable(refused.status)]);
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

/** Stops accepting connections, lets requests in flight complete within the limit, then calls `abortAll`. */
export async function shutDown(server: Server, drainMillis: number, abortAll: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Keep-alive connections become idle one after the other.
  const idle = setInterval(() => server.closeIdleConnections(), idleCheckMillis);
  const over = new AbortController();
  await Promise.race([closed, sleep(drainMillis, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
  clearInterval(idle);
  abortAll();
  server.closeAllConnections();
  await closed;
}
