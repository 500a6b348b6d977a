import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { createHopTokens } from '../auth/hop-tokens.js';
import { Failure } from '../base/failures.js';
import type { CubeId } from '../domain/catalog.js';
import { cubeDefinitions } from '../domain/cubes.js';
import type { RedisConnection } from '../redis/connection.js';
import { type InstanceFilter, readActiveVersion, readInstances } from '../registry/instances.js';
import { callUpstream } from '../upstream/call.js';
import { connectEndpoint } from '../upstream/connections.js';
import { deadlineHeader } from '../upstream/deadline.js';
import { createInstanceSource } from '../upstream/instance-source.js';
import { type CachedResponse, ResponseCache } from '../upstream/response-cache.js';
import { Upstream } from '../upstream/upstream.js';
import { limits } from './limits.js';

export interface InterCubeCallsOptions {
  readonly callerId: CubeId;
  /** The current secret of its tokens. */
  readonly secret: () => string;
  readonly clock: () => Date;
  readonly redis: RedisConnection;
  /** Whether it accepts an entry of the registry. */
  readonly admits: InstanceFilter;
  /** The cubes that this cube calls. */
  readonly cubeIds: readonly CubeId[];
}

export interface InterCubeCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, already encoded. */
  readonly path: string;
  /** The pattern of the route: the key of its breaker. */
  readonly route: string;
  readonly json?: object;
  /** The response that needs it: its request id, trace and time limit are forwarded. Left out where no request does. */
  readonly reply?: FastifyReply;
  /** Whether a cached response may serve, for five minutes; only for GET. */
  readonly cacheable?: boolean;
  /** Including its retry; ten seconds by default, and never longer than the caller's own caller waits. */
  readonly limitMillis?: number;
}

/** A cube's calls to other cubes, with its own token and for no user. */
export interface InterCubeCalls {
  /**
   * The complete response of an instance, whatever its status. Throws `upstream_unavailable`, `upstream_failed`,
   * `upstream_timeout` or `answer_too_large`; uncaught, this cube's caller gets them as 503, 502 and 504.
   */
  call(cubeId: CubeId, call: InterCubeCall): Promise<CachedResponse>;
  close(): Promise<void>;
}

const usualMillis = 10_000;
const connectMillis = 1000;
const connectionsPerInstance = 64;
const maxOutstanding = 1024;
const cacheBytes = 16 * 1024 * 1024;

/**
 * The strategy's InterCubeOptimizer, on the gateway's own `Upstream`: load balancing and ejection, a breaker for each route, one
 * retry within a budget, a cache with one call for concurrent misses. Resolves when it knows the instances, or that the registry
 * is away.
 */
export async function createInterCubeCalls(options: InterCubeCallsOptions): Promise<InterCubeCalls> {
  const { callerId, secret, clock, redis, admits, cubeIds } = options;
  const now = () => performance.now();
  const random = Math.random;
  const instances = createInstanceSource({
    cubeIds,
    read: (id) => readInstances(redis, id, admits),
    readVersion: (id) => readActiveVersion(redis, id),
    onError: () => undefined,
  });
  const connect = (url: string) => connectEndpoint(url, { connectMillis, perEndpoint: connectionsPerInstance });
  const upstreams = new Map(
    cubeIds.map((id) => {
      const endpoints = () => instances.ready(id);
      return [
        id,
        new Upstream({ endpoints, connect, usesBreakers: true, sendsCallIds: true, maxOutstanding, now, random }),
      ] as const;
    }),
  );
  const tokenFor = createHopTokens(callerId, secret, clock);
  const cache = new ResponseCache({ now, random, maxBytes: cacheBytes });
  await instances.start();
  return {
    async call(cubeId, call) {
      const upstream = upstreams.get(cubeId);
      if (upstream === undefined) throw new Error(`${callerId} did not say that it calls ${cubeId}`);
      if (!/^\/[\x21-\x7e]*$/.test(call.path)) throw new Error('a path is sent as it is: encode what is put into it');
      const left = timeLeft(call);
      if (left <= 0) throw timeoutFailure();
      const headers = headersOf(call, tokenFor(trafficNameOf(cubeId)));
      // The headers identify this cube, never its caller.
      const send = (limitMillis: number) =>
        callUpstream(upstream, {
          method: call.method,
          path: call.path,
          route: call.route,
          headers,
          ...(call.json === undefined ? {} : { body: Buffer.from(JSON.stringify(call.json)) }),
          limitMillis,
          maxResponseBytes: limits.bodyBytes,
        });
      if (call.cacheable !== true || call.method !== 'GET') return send(left);
      const version = instances.versionOf(cubeId);
      const subject = { method: 'GET', url: `${cubeId}${call.path}`, user: null, side: 'cube', version, epoch: 0 };
      // Several callers share the call: it does not depend on the time limit of the first.
      const fetch = () => send(usualMillis);
      const mayStore = () => instances.versionOf(cubeId) === version;
      const { response } = await withinTime(cache.get(subject, [], fetch, mayStore), left);
      return response;
    },
    async close() {
      instances.close();
      await Promise.all([...upstreams.values()].map((upstream) => upstream.destroy()));
    },
  };
}

/** Names and values in turn. */
function headersOf({ reply, json }: InterCubeCall, token: string): readonly string[] {
  const traceparent = reply?.getHeader('traceparent');
  return [
    'authorization',
    `Bearer ${token}`,
    'x-request-id',
    reply?.request.id ?? randomUUID(),
    ...(typeof traceparent === 'string' ? ['traceparent', traceparent] : []),
    ...(json === undefined ? [] : ['content-type', 'application/json']),
  ];
}

/** The remaining time of the caller's own caller; 0 or less when none is left. */
function timeLeft({ reply, limitMillis: max = usualMillis }: InterCubeCall): number {
  const header = reply?.request.headers[deadlineHeader];
  if (reply === undefined || typeof header !== 'string' || !/^\d{1,9}$/.test(header)) return max;
  return Math.min(max, Number(header) - reply.elapsedTime);
}

/** A time-out before any call: it counts against no instance. */
function timeoutFailure(): Failure {
  return new Failure('upstream_timeout', 'The service did not answer in time.');
}

async function withinTime<T>(work: Promise<T>, millis: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeIsUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutFailure()), millis);
  });
  return Promise.race([work, timeIsUp]).finally(() => clearTimeout(timer));
}

function trafficNameOf(cubeId: CubeId): string {
  return cubeDefinitions.find((known) => known.cubeId === cubeId)?.trafficName ?? cubeId;
}
