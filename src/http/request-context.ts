import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify';
import { callHeader } from '../upstream/upstream.js';
import { type TraceContext, Traces, traceBindings, traceparentOf } from './trace.js';

/** The caller's request id where it is safe in a log line, otherwise a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : randomUUID();
}

/** A request by its route's pattern: a URL may hold a token in its query, and a user's id in its path. */
function loggedRequest({ method, routeOptions, host, ip }: FastifyRequest) {
  return { method, endpoint: routeOptions.url ?? 'unknown', host, ip };
}

/** Adds request id and trace to every log line and response of a request, and the caller's call id to the response. */
export interface RequestContexts {
  readonly options: Required<Pick<FastifyServerOptions, 'genReqId' | 'childLoggerFactory'>>;
  register(app: FastifyInstance): void;
}

export function createRequestContexts(): RequestContexts {
  const traces = new Traces();
  const known = new WeakMap<IncomingMessage, TraceContext>();
  const traceOf = (raw: IncomingMessage): TraceContext => {
    const before = known.get(raw);
    if (before !== undefined) return before;
    const { traceparent } = raw.headers;
    const trace = traces.continue(typeof traceparent === 'string' ? traceparent : undefined);
    known.set(raw, trace);
    return trace;
  };
  return {
    options: {
      genReqId: (raw) => requestIdOf(raw.headers['x-request-id']),
      childLoggerFactory: (logger, bindings, options, raw) =>
        logger.child(
          { request_id: bindings.reqId, ...traceBindings(traceOf(raw)) },
          { ...options, serializers: { ...options.serializers, req: loggedRequest } },
        ),
    },
    register: (app) => {
      app.addHook('onRequest', async (request, reply) => {
        reply.header('x-request-id', request.id).header('traceparent', traceparentOf(traceOf(request.raw)));
        const call = request.headers[callHeader];
        if (typeof call === 'string' && /^[\w-]{1,64}$/.test(call)) reply.header(callHeader, call);
      });
    },
  };
}
