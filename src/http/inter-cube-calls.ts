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
  /** What its tokens are signed with, as it is now. */
  readonly secret: () => string;
  readonly clock: () => Date;
  readonly redis: RedisConnection;
  /** Whether an instance of the registry is taken for one. */
  readonly admits: InstanceFilter;
  /** Whom this cube calls. */
  readonly cubeIds: readonly CubeId[];
}

export interface InterCubeCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, as it is sent: what is put into it is encoded before. */
  readonly path: string;
  /** The pattern of the route: what a breaker is kept under. */
  readonly route: string;
  readonly json?: object;
  /** The answer that it is needed for: its request id, trace and time limit go on. */
  readonly reply: FastifyReply;
  /** Whether an answer to another request may serve, for five minutes; of a GET alone. */
  readonly cacheable?: boolean;
  /** Its retry included; ten seconds by default, and never longer than the caller's own caller waits. */
  readonly limitMillis?: number;
}

/** A cube's calls of others, in its own name: it holds a token to call them, and speaks for no user. */
export interface InterCubeCalls {
  /**
   * The whole answer of an instance, whatever its status. Throws `upstream_unavailable`, `upstream_failed`,
   * `upstream_timeout` or `answer_too_large`: not caught, they are 503, 502 and 504 to whoever asked this cube.
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
 * The strategy's InterCubeOptimizer, on what the gateway itself goes by: instances of the registry balanced and ejected, a
 * breaker for each route, one retry within a budget, kept answers with one call for all who miss. Resolves when it knows
 * whom to ask, or that the registry is away.
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
      // All of them name the call; none is of who asks this cube.
      const ask = (limitMillis: number) =>
        callUpstream(upstream, {
          method: call.method,
          path: call.path,
          route: call.route,
          headers,
          ...(call.json === undefined ? {} : { body: Buffer.from(JSON.stringify(call.json)) }),
          limitMillis,
          maxResponseBytes: limits.bodyBytes,
        });
      if (call.cacheable !== true || call.method !== 'GET') return ask(left);
      const version = instances.versionOf(cubeId);
      const subject = { method: 'GET', url: `${cubeId}${call.path}`, user: null, side: 'cube', version, epoch: 0 };
      // What others wait for too does not hang on how long this one waits.
      const fetch = () => ask(usualMillis);
      const mayKeep = () => instances.versionOf(cubeId) === version;
      const { answer } = await withinTime(cache.get(subject, [], fetch, mayKeep), left);
      return answer;
    },
    async close() {
      instances.close();
      await Promise.all([...upstreams.values()].map((upstream) => upstream.destroy()));
    },
  };
}

/** Names and values in turn. */
function headersOf({ reply, json }: InterCubeCall, token: string): readonly string[] {
  const traceparent = reply.getHeader('traceparent');
  return [
    'authorization',
    `Bearer ${token}`,
    'x-request-id',
    reply.request.id,
    ...(typeof traceparent === 'string' ? ['traceparent', traceparent] : []),
    ...(json === undefined ? [] : ['content-type', 'application/json']),
  ];
}

/** What is left of the time for which the caller's own caller waits; none is left at 0 or less. */
function timeLeft({ reply, limitMillis: max = usualMillis }: InterCubeCall): number {
  const told = reply.request.headers[deadlineHeader];
  if (typeof told !== 'string' || !/^\d{1,9}$/.test(told)) return max;
  return Math.min(max, Number(told) - reply.elapsedTime);
}

/** Not by asking anybody: who was not asked is not to blame. */
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
