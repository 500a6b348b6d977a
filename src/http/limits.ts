import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyHttpOptions, FastifyInstance, FastifyReply } from 'fastify';
import { Failure } from '../base/failures.js';
import { problemOf, sendProblem } from './problem.js';

/** What a request may be, for every service that speaks HTTP through Fastify. */
export const limits = {
  headerBytes: 16 * 1024,
  headers: 100,
  urlBytes: 8 * 1024,
  bodyBytes: 1024 * 1024,
  headersMillis: 10_000,
  requestMillis: 30_000,
} as const;

/** How long nothing may be read from or written to a connection that carries files. */
const idleFileMillis = 60_000;

/** Server options that enforce the limits, and answer requests that reach no route with a problem. */
export function limitOptions(bodyLimit: number = limits.bodyBytes, carriesFiles = false) {
  const requestTimeout = carriesFiles ? 0 : limits.requestMillis;
  return {
    bodyLimit,
    requestTimeout,
    ...(carriesFiles ? { connectionTimeout: idleFileMillis } : {}),
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMillis,
      requestTimeout,
      // By default Node checks for slow requests every thirty seconds: ten seconds would become forty.
      connectionsCheckingInterval: 1000,
    },
    frameworkErrors: (_error: Error, _request: unknown, reply: FastifyReply) =>
      void sendProblem(reply, limitFailure(400, 'The path of the request cannot be read.')),
    clientErrorHandler: answerUnreadable,
  } satisfies FastifyHttpOptions<Server>;
}

/** Refuses too long URLs and too many headers, before any other hook. */
export function registerLimits(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.raw.rawHeaders.length / 2 > limits.headers)
      return sendProblem(reply, limitFailure(431, `The request has more than ${limits.headers} headers.`), 431);
    if (request.url.length > limits.urlBytes)
      return sendProblem(reply, limitFailure(414, `The URL is longer than ${limits.urlBytes} bytes.`), 414);
  });
}

/** Answers what Node's parser refuses, for which there is no request and no reply, and closes the connection. */
function answerUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, sentence] = unreadable[error.code ?? ''] ?? [400, 'The request is not valid HTTP.'];
  const body = JSON.stringify(problemOf(limitFailure(status, sentence), status));
  const head = [
    `HTTP/1.1 ${status} ${status === 408 ? 'Request Timeout' : 'Bad Request'}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const unreadable: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, `The headers are larger than ${limits.headerBytes / 1024} KiB.`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive.'],
};

function limitFailure(status: number, sentence: string): Failure {
  return new Failure('invalid_input', sentence, {
    hint: status === 408 ? 'Send the whole request within the time limit.' : 'Send a smaller, well-formed request.',
  });
}
