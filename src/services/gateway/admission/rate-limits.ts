import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Rate, takeToken } from '../../../domain/traffic/token-bucket.js';

export type CountedBy = 'address' | 'subject';

export interface RateLimitOptions {
  readonly by: CountedBy;
  readonly rate: Rate;
  /** Counts what was let through together with other gateways: 0, or the milliseconds until there may be more. */
  readonly countShared: (bucket: string, rate: Rate, count: number) => Promise<number>;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

const maxBuckets = 50_000;
/** Longer names are kept, here and in Redis, by their hash: a stranger must not fill the memory with them. */
const maxName = 128;
const windowMillis = 1000;
/** Who stays under this share of the rate within a window is nobody's concern but this gateway's. */
const lightShare = 0.5;
/** Somebody is counted in Redis so often at most, in one call for all that came meanwhile. */
const minGapMillis = 100;
const maxCallsInFlight = 64;
/** After a failure Redis is left alone for so long. */
const redisPauseMillis = 1000;

/** What is known of one who asks. Changed in place: taking a token makes no garbage. */
class Bucket {
  theoreticalArrival = 0;
  windowEnds = 0;
  inWindow = 0;
  /** Let through, and not yet counted in Redis. */
  uncounted = 0;
  nextCountAt = 0;
  countScheduled = false;
  refusedUntil = 0;
}

/**
 * How often one may ask, decided at once by a token bucket of this process: no request ever waits for Redis. Who uses a good
 * part of the rate here is also counted in Redis, beside the requests, and refused here for as long as Redis says; so all
 * gateways together keep to the rate, but for those who ask each of them less than half of it. While Redis is away
 * each gateway counts for itself.
 */
export class RateLimit {
  private readonly buckets = new LRUCache<string, Bucket>({ max: maxBuckets });
  // Without it the cache would make an empty one for each look.
  private readonly asItIs = {};
  private readonly light: number;
  private callsInFlight = 0;
  private redisPausedUntil = 0;

  constructor(private readonly options: RateLimitOptions) {
    this.light = options.rate.perSecond * lightShare * (windowMillis / 1000);
  }

  /** Lets `who` ask once: 0, or how many milliseconds until it may. */
  take(who: string): number {
    const { rate } = this.options;
    const now = this.options.now();
    const name = who.length > maxName ? `sha256:${hash('sha256', who)}` : who;
    const bucket = this.buckets.get(name, this.asItIs) ?? this.createBucket(name);
    if (now < bucket.refusedUntil) return bucket.refusedUntil - now;
    const { theoreticalArrival, waitMillis } = takeToken(bucket.theoreticalArrival, now, rate);
    if (waitMillis > 0) return waitMillis;
    bucket.theoreticalArrival = theoreticalArrival;
    if (now >= bucket.windowEnds) {
      // What somebody light asked for stays uncounted for good.
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

  /** Now, or a gap later: what came last would stay unknown to the others, should no more come. */
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
