import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Rate, takeToken } from '../../../domain/traffic/token-bucket.js';

export type CountedBy = 'address' | 'subject';

export interface RateLimitOptions {
  readonly by: CountedBy;
  readonly rate: Rate;
  /** Counts admitted requests over all gateways: 0, or the milliseconds until the next may be admitted. */
  readonly countShared: (bucket: string, rate: Rate, count: number) => Promise<number>;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

const maxBuckets = 50_000;
/** Longer keys are hashed, here and in Redis: a client must not fill the memory with them. */
const maxKeyLength = 128;
const windowMillis = 1000;
/** A client below this share of the rate within a window is not counted in Redis. */
const lightShare = 0.5;
/** Minimum time between two counts of one client in Redis; one call counts all requests since the last. */
const minGapMillis = 100;
const maxCallsInFlight = 64;
/** Time without calls after a failure of Redis. */
const redisPauseMillis = 1000;

/** The state of one client. Changed in place: taking a token allocates nothing. */
class Bucket {
  theoreticalArrival = 0;
  windowEnds = 0;
  inWindow = 0;
  /** Admitted, and not yet counted in Redis. */
  uncounted = 0;
  nextCountAt = 0;
  countScheduled = false;
  refusedUntil = 0;
}

/**
 * A rate limit, decided at once by a token bucket of this process: no request waits for Redis. The gateway also counts a client
 * with a good part of the rate in Redis, apart from the requests, and refuses it for as long as Redis says. So all gateways
 * together enforce the rate, except for clients below half of it at each. While Redis is away each gateway counts alone.
 */
export class RateLimit {
  private readonly buckets = new LRUCache<string, Bucket>({ max: maxBuckets });
  // Without it the cache would allocate an empty object for each call.
  private readonly noOptions = {};
  private readonly light: number;
  private callsInFlight = 0;
  private redisPausedUntil = 0;

  constructor(private readonly options: RateLimitOptions) {
    this.light = options.rate.perSecond * lightShare * (windowMillis / 1000);
  }

  /** Admits one request of `client`: 0, or the milliseconds until it may be admitted. */
  take(client: string): number {
    const { rate } = this.options;
    const now = this.options.now();
    const name = client.length > maxKeyLength ? `sha256:${hash('sha256', client)}` : client;
    const bucket = this.buckets.get(name, this.noOptions) ?? this.createBucket(name);
    if (now < bucket.refusedUntil) return bucket.refusedUntil - now;
    const { theoreticalArrival, waitMillis } = takeToken(bucket.theoreticalArrival, now, rate);
    if (waitMillis > 0) return waitMillis;
    bucket.theoreticalArrival = theoreticalArrival;
    if (now >= bucket.windowEnds) {
      // The requests of a light client are never counted.
      if (bucket.inWindow <= this.light) bucket.uncounted = 0;
      bucket.windowEnds = now + windowMillis;
      bucket.inWindow = 0;
    }
    bucket.inWindow++;
    bucket.uncounted++;
    if (bucket.inWindow > this.light) this.scheduleCount(name, bucket, now);
    return 0;
  }

  private createBucket(name: string): Bucket {
    const bucket = new Bucket();
    this.buckets.set(name, bucket);
    return bucket;
  }

  /** Counts now, or after the minimum gap: otherwise the last requests of a client would never be counted. */
  private scheduleCount(name: string, bucket: Bucket, now: number): void {
    if (now >= bucket.nextCountAt && now >= this.redisPausedUntil) {
      void this.count(name, bucket, now);
      return;
    }
    if (bucket.countScheduled) return;
    bucket.countScheduled = true;
    const timer = setTimeout(() => {
      bucket.countScheduled = false;
      if (bucket.uncounted > 0) this.scheduleCount(name, bucket, this.options.now());
    }, minGapMillis);
    timer.unref();
  }

  private async count(name: string, bucket: Bucket, now: number): Promise<void> {
    const { by, rate, countShared } = this.options;
    if (this.callsInFlight >= maxCallsInFlight) return;
    const count = bucket.uncounted;
    bucket.uncounted = 0;
    bucket.nextCountAt = Number.POSITIVE_INFINITY;
    this.callsInFlight++;
    try {
      const waitMillis = await countShared(`gateway:${by}:${name}`, rate, count);
      if (waitMillis > 0) bucket.refusedUntil = this.options.now() + waitMillis;
    } catch {
      this.redisPausedUntil = this.options.now() + redisPauseMillis;
    } finally {
      this.callsInFlight--;
      bucket.nextCountAt = now + minGapMillis;
    }
  }
}
