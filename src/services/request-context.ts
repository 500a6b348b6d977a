import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';

/** Where a request stands in a trace: https://www.w3.org/TR/trace-context/, version 00. */
export interface TraceContext {
  readonly traceId: string;
  /** This service's own span. */
  readonly spanId: string;
  readonly flags: string;
}

/** The trace that `traceparent` names, with a span of our own; a trace of our own when it names none. */
export function continueTrace(traceparent: string | undefined): TraceContext {
  // A later version may say more behind the four parts; what is known of it stays as it is.
  const [, version, traceId, parentId, flags, more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent ?? '') ?? [];
  const spanId = randomBytes(8).toString('hex');
  const known =
    traceId !== undefined &&
    flags !== undefined &&
    version !== 'ff' &&
    !(version === '00' && more !== undefined) &&
    !/^0+$/.test(traceId) &&
    !/^0+$/.test(parentId ?? '');
  return known ? { traceId, spanId, flags } : { traceId: randomBytes(16).toString('hex'), spanId, flags: '00' };
}

export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** The caller's request id when it can stand in a log line as it is, else a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\w.:-]{1,128}$/.test(header) ? header : randomUUID();
}

/** Every log line of a request, and its answer, carry its id and its trace. */
export interface RequestContexts {
  readonly options: Required<Pick<FastifyServerOptions, 'genReqId' | 'childLoggerFactory'>>;
  register(app: FastifyInstance): void;
}

export function createRequestContexts(): RequestContexts {
  const traces = new WeakMap<IncomingMessage, TraceContext>();
  const traceOf = (raw: IncomingMessage): TraceContext => {
    const known = traces.get(raw);
    if (known !== undefined) return known;
    const { traceparent } = raw.headers;
    const trace = continueTrace(typeof traceparent === 'string' ? traceparent : undefined);
    traces.set(raw, trace);
    return trace;
  };
  return {
    options: {
      genReqId: (raw) => requestIdOf(raw.headers['x-request-id']),
      childLoggerFactory: (logger, bindings, options, raw) => {
        const { traceId, spanId } = traceOf(raw);
        return logger.child({ request_id: bindings.reqId, trace_id: traceId, span_id: spanId }, options);
      },
    },
    register: (app) => {
      app.addHook('onRequest', async (request, reply) => {
        reply.header('x-request-id', request.id).header('traceparent', traceparentOf(traceOf(request.raw)));
      });
    },
  };
}
