import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { Failure } from '../base/failures.js';
import { type Rate, takeToken } from '../domain/traffic/token-bucket.js';
import type { RedisConnection } from '../redis/connection.js';
import { takeSharedToken } from '../redis/scripts/take-token.js';
import { sendProblem } from './problem.js';

export interface RateLimiterOptions {
  /** Its commands must be short of time: a caller waits for them. */
  readonly redis: RedisConnection;
  /** Keeps the buckets of one service apart from those of another. */
  readonly name: string;
  readonly clock: () => Date;
}

export interface RateLimiter {
  /** Takes a token of somebody's bucket: 0, or how many milliseconds until there is one. Never throws. */
  take(kind: 'address' | 'subject', who: string, rate: Rate): Promise<number>;
}

const maxLocalBuckets = 50_000;
/** So long after a failure Redis is not asked again: a server that hangs must not cost each request its time-out. */
const withoutRedisMillis = 1000;

/** Buckets shared by all instances through Redis; while it is away each instance counts for itself. */
export function createRateLimiter({ redis, name, clock }: RateLimiterOptions): RateLimiter {
  const local = new LRUCache<string, number>({ max: maxLocalBuckets });
  let askAgainAt = 0;
  const takeLocally = (bucket: string, now: number, rate: Rate): number => {
    const { theoreticalArrival, waitMillis } = takeToken(local.get(bucket) ?? 0, now, rate);
    local.set(bucket, theoreticalArrival);
    return waitMillis;
  };
  return {
    async take(kind, who, rate) {
      const bucket = `${name}:${kind}:${who}`;
      const now = clock().getTime();
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

/** Who shares a bucket by address: an IPv4 address, or the /64 that one household or host is given of IPv6. */
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
 * A hook that answers 429 with `Retry-After` to who asks too often. `whoAsks` gives undefined for what is not counted.
 */
export function limitRate(
  limiter: RateLimiter,
  kind: 'address' | 'subject',
  rate: Rate,
  whoAsks: (request: FastifyRequest) => string | undefined,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const who = whoAsks(request);
    if (who === undefined) return;
    const waitMillis = await limiter.take(kind, who, rate);
    if (waitMillis === 0) return;
    reply.header('retry-after', Math.ceil(waitMillis / 1000));
    await sendProblem(
      reply,
      new Failure('rate_limited', `This ${kind} may ask ${rate.perSecond} times a second, ${rate.burst} at once.`),
    );
    return reply;
  };
}

/** Paths that watch a service, at a pace of their own. */
const uncounted: ReadonlySet<string | undefined> = new Set(['/health', '/ready', '/metrics']);

/** Counts every request by where it comes from, before its token is looked at: guessing tokens is counted too. */
export function limitByAddress(
  app: FastifyInstance,
  { limiter, rate }: { readonly limiter: RateLimiter; readonly rate: Rate },
): void {
  const whoAsks = (request: FastifyRequest) =>
    uncounted.has(request.routeOptions.url) ? undefined : addressGroup(request.socket.remoteAddress ?? '');
  app.addHook('onRequest', limitRate(limiter, 'address', rate, whoAsks));
}
