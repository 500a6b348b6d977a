import type { FastifyReply } from 'fastify';
import { callUpstream } from '../upstream/call.js';
import { connectEndpoint } from '../upstream/connections.js';
import { itemFailureHeader, Upstream } from '../upstream/upstream.js';
import { timeLeft } from './time-left.js';

const maxResponseBytes = 256 * 1024 * 1024;

/** Headers of legacy's responses that are its own, not its connection's. */
const passedHeaders = new Set(['content-type', 'cache-control', 'allow', 'retry-after']);

/** Passes requests on to the monolith's service. */
export interface LegacyCalls {
  /**
   * Sends legacy's response to this request. `isRepeatable`: whether a second request has no further effect, where the method does not
   * say so. Throws the failures of `callUpstream`.
   */
  passOn(
    reply: FastifyReply,
    body: string | undefined,
    options?: { readonly isRepeatable: true },
  ): Promise<FastifyReply>;
  close(): Promise<void>;
}

/** `url` is empty where the monolith has no such service: then nothing can be passed on. */
export function createLegacyCalls(url: string): LegacyCalls {
  const endpoints = url === '' ? [] : [{ id: 'legacy', url }];
  const upstream = new Upstream({
    endpoints: () => endpoints,
    connect: (at) => connectEndpoint(at, { connectMillis: 1000, perEndpoint: 64 }),
    usesBreakers: false,
    sendsCallIds: false,
    maxOutstanding: 1024,
    now: () => performance.now(),
    random: Math.random,
  });
  return {
    async passOn(reply, body, options) {
      const { request } = reply;
      const traceparent = reply.getHeader('traceparent');
      const { 'content-type': type } = request.headers;
      const call = callUpstream(upstream, {
        method: request.method,
        path: request.url,
        route: request.routeOptions.url ?? '',
        headers: [
          'x-request-id',
          request.id,
          ...(typeof traceparent === 'string' ? ['traceparent', traceparent] : []),
          ...(type === undefined ? [] : ['content-type', type]),
        ],
        ...(body === undefined ? {} : { body: Buffer.from(body) }),
        ...options,
        limitMillis: timeLeft(reply),
        maxResponseBytes,
      });
      const response = await call.catch((error: unknown) => {
        reply.header(itemFailureHeader, '1');
        throw error;
      });
      // What legacy cannot serve is no reason to leave the cube alone, which serves other things itself.
      if (response.status >= 500) reply.header(itemFailureHeader, '1');
      reply.code(response.status);
      for (const [at, name] of response.headers.entries())
        if (at % 2 === 0 && passedHeaders.has(name.toLowerCase())) reply.header(name, response.headers[at + 1]);
      return reply.send(response.body);
    },
    close: () => upstream.destroy(),
  };
}
