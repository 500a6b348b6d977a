import { randomUUID } from 'node:crypto';
import { Places } from '../../base/places.js';
import type { RedisConnection } from '../../redis/connection.js';
import { hostPaceKeys } from '../../redis/keys.js';
import { recordArrivals } from '../../redis/scripts/record-arrivals.js';
import {
  type JobPace,
  type PaceTimes,
  type ReservationAnswer,
  reserveRequest,
} from '../../redis/scripts/reserve-request.js';
import { restHost } from '../../redis/scripts/rest-host.js';
import { PaceEra } from './pace-era.js';
import { SentRequests } from './sent-requests.js';
import { sleepUnder } from './sleep.js';

/** Sliding 60 seconds; a request that is not at its host after 40 never will be, since a fetch gives up before. */
export const paceTimes: PaceTimes = { window: 60_000, latestArrival: 40_000, job: 30_000, settle: 2000 };

const redisAwaySleep = 250;

/** A request that may be sent now. */
export interface Reservation {
  readonly host: string;
  readonly requestId: string;
}

/**
 * When requests to a host may be sent, over all jobs and workers: counted in Redis, by its clock. A request counts from before it is sent until a window after its
 * answer, and so from when the host sees it at the earliest until when it sees it at the latest: what the host's own log shows keeps the rate in every window. Without
 * Redis every request waits.
 */
export class HostPace {
  private readonly sent: SentRequests;
  private readonly era: PaceEra;
  /** Requests of this worker wait in the order of their arrival; only the first one asks Redis. */
  private readonly lines = new Map<string, { readonly places: Places; users: number }>();

  constructor(
    private readonly redis: RedisConnection,
    private readonly times: PaceTimes = paceTimes,
    /** Called with each error of Redis for which a request waits. */
    private readonly onError: (error: unknown) => void = () => undefined,
  ) {
    this.sent = new SentRequests(times.window);
    this.era = new PaceEra(redis, this.sent, times);
  }

  /**
   * Waits until a request may be sent, and counts it. Answers the milliseconds of a rest that the host asked for where it lasts longer than `longestRest`. Throws the reason of the
   * signal.
   */
  async reserve(
    host: string,
    pace: JobPace,
    longestRest: number,
    signal: AbortSignal,
  ): Promise<Reservation | { readonly restMillis: number }> {
    const line = this.lines.get(host) ?? { places: new Places(1), users: 0 };
    this.lines.set(host, line);
    line.users += 1;
    try {
      await line.places.enter(signal);
      try {
        return await this.reserveFirst(host, pace, longestRest, signal);
      } finally {
        line.places.leave();
      }
    } finally {
      line.users -= 1;
      if (line.users === 0) this.lines.delete(host);
    }
  }

  /** The host has the request, or it will not be sent any more. Without Redis it counts for longer than it must. */
  async arrived({ host, requestId }: Reservation): Promise<void> {
    this.sent.note(host, requestId, performance.now());
    const kept = this.times.window + this.times.latestArrival;
    await recordArrivals(this.redis, host, [{ requestId, ageMillis: 0 }], kept).catch(() => undefined);
  }

  /** The request is not sent, and counts no more. Without Redis it counts for longer than it must. */
  async withdraw({ host, requestId }: Reservation): Promise<void> {
    this.sent.forget(host, requestId);
    await this.redis.zrem(hostPaceKeys(host).arrivals, requestId).catch(() => undefined);
  }

  /** Gives the host a rest from all jobs. Without Redis only the caller knows of it. */
  async rest(host: string, millis: number): Promise<void> {
    await restHost(this.redis, host, millis).catch(() => undefined);
  }

  close(): void {
    this.era.close();
  }

  private async reserveFirst(host: string, pace: JobPace, longestRest: number, signal: AbortSignal) {
    for (;;) {
      signal.throwIfAborted();
      const requestId = randomUUID();
      const calledAt = performance.now();
      const answer = await this.attempt(host, requestId, pace);
      const isLate = performance.now() - calledAt > this.times.latestArrival / 4;
      if (answer?.outcome === 'rest' && answer.waitMillis > longestRest) return { restMillis: answer.waitMillis };
      if (answer?.outcome === 'granted') {
        this.sent.note(host, requestId, performance.now() + this.times.latestArrival);
        // A worker that was frozen meanwhile might send it when it counts no more.
        if (!isLate) return { host, requestId };
      }
      // It looks again in time for the pace of its job to go on to hold.
      await sleepUnder(signal, Math.min(answer?.waitMillis ?? redisAwaySleep, this.times.job / 3));
    }
  }

  /** Undefined where Redis is away. */
  private async attempt(host: string, requestId: string, pace: JobPace): Promise<ReservationAnswer | undefined> {
    try {
      const known = this.era.known;
      if (known === undefined) return undefined;
      const answer = await reserveRequest(this.redis, host, requestId, pace, this.times, known);
      if (answer.outcome === 'forgotten') await this.era.enter(answer.era);
      return answer;
    } catch (error) {
      this.onError(error);
      return undefined;
    }
  }
}
