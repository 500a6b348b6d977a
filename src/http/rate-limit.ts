import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { Failure } from '../base/failures.js';
import { type Rate, takeToken } from '../domain/traffic/token-bucket.js';
import type { RedisConnection } from '../redis/connection.js';
import { takeSharedToken } from '../redis/scripts/take-token.js';
import { sendProblem } from './problem.js';

export interface RateLimiterOptions {
  /** With a short time limit for commands: a caller waits for them. */
  readonly redis: RedisConnection;
  /** Separates the buckets of services. */
  readonly name: string;
}

export interface RateLimiter {
  /** Takes a token of a client's bucket: 0, or the milliseconds until one is available. Never throws. */
  take(kind: 'address' | 'subject', client: string, rate: Rate): Promise<number>;
}

const maxLocalBuckets = 50_000;
/** Time without calls after a failure of Redis: a server that hangs must not delay each request by the time-out. */
const withoutRedisMillis = 1000;

/** Buckets that all instances share through Redis; while it is away each instance counts alone. */
export function createRateLimiter({ redis, name }: RateLimiterOptions): RateLimiter {
  const local = new LRUCache<string, number>({ max: maxLocalBuckets });
  let askAgainAt = 0;
  const takeLocally = (bucket: string, now: number, rate: Rate): number => {
    const { theoreticalArrival, waitMillis } = takeToken(local.get(bucket) ?? 0, now, rate);
    local.set(bucket, theoreticalArrival);
    return waitMillis;
  };
  return {
    async take(kind, client, rate) {
      const bucket = `${name}:${kind}:${client}`;
      // Not the time of day: a clock that is set back would prolong each wait by as much.
      const now = performance.now();
      if (now < askAgainAt) return takeLocally(bucket, now, rate);
      try {
        return await takeSharedToken(redis, bucket, rate);
      } catch {
        askAgainAt = now + withoutRedisMillis;
        return takeLocally(bucket, now, rate);
      }
    },
  };
}

/** The key of a bucket by address: an IPv4 address, or the /64 that a provider gives one household or host. */
export function addressGroup(address: string): string {
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (isIP(address) !== 6) return address;
  const [unscoped = ''] = address.split('%');
  const [head = '', tail] = unscoped.split('::');
  const before = head.split(':').filter((group) => group !== '');
  const after = (tail ?? '').split(':').filter((group) => group !== '');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/**
 * A hook that answers 429 with `Retry-After` over the limit. `clientOf` gives the key of the bucket, undefined for requests
 * without a limit.
 */
export function limitRate(
  limiter: RateLimiter,
  kind: 'address' | 'subject',
  rate: Rate,
  clientOf: (request: FastifyRequest) => string | undefined,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const client = clientOf(request);
    if (client === undefined) return;
    const waitMillis = await limiter.take(kind, client, rate);
    if (waitMillis === 0) return;
    reply.header('retry-after', Math.ceil(waitMillis / 1000));
    await sendProblem(
      reply,
      new Failure('rate_limited', `This ${kind} may send ${rate.perSecond} requests a second, ${rate.burst} at once.`),
    );
    return reply;
  };
}

/** Monitoring paths, without a limit. */
const uncounted: ReadonlySet<string | undefined> = new Set(['/health', '/ready', '/metrics']);

/** Limits requests by address, before the token check: guessing tokens is limited too. */
export function limitByAddress(
  app: FastifyInstance,
  { limiter, rate }: { readonly limiter: RateLimiter; readonly rate: Rate },
): void {
  const clientOf = (request: FastifyRequest) =>
    uncounted.has(request.routeOptions.url) ? undefined : addressGroup(request.socket.remoteAddress ?? '');
  app.addHook('onRequest', limitRate(limiter, 'address', rate, clientOf));
}
