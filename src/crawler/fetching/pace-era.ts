import type { RedisConnection } from '../../redis/connection.js';
import { readPaceEra } from '../../redis/scripts/pace-era.js';
import { recordArrivals } from '../../redis/scripts/record-arrivals.js';
import type { KnownEra, PaceTimes } from '../../redis/scripts/reserve-request.js';
import type { SentRequests } from './sent-requests.js';

/**
 * Notices that Redis lost what it knew (it was emptied, or started again from an older copy), and tells it what this worker sent. Every worker looks four times within the time
 * that requests wait for, so that all have told it before one is sent. What a worker sent that died in the same minute is lost.
 */
export class PaceEra {
  private server: string | undefined;
  private era = '';
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly redis: RedisConnection,
    private readonly sent: SentRequests,
    private readonly times: PaceTimes,
  ) {
    redis.on('ready', this.findServer);
    redis.on('close', this.loseServer);
    this.timer = setInterval(() => void this.look(), times.settle / 4).unref();
    if (redis.status === 'ready') void this.findServer();
  }

  /** Undefined without a connection. */
  get known(): KnownEra | undefined {
    return this.server === undefined ? undefined : { server: this.server, era: this.era };
  }

  /** Tells Redis what was sent, and from then on knows the era. Throws `redis_unreachable`. */
  async enter(era: string): Promise<void> {
    for (const { host, arrivals } of this.sent.list())
      await recordArrivals(this.redis, host, arrivals, this.times.window + this.times.latestArrival);
    this.era = era;
  }

  close(): void {
    clearInterval(this.timer);
    this.redis.off('ready', this.findServer);
    this.redis.off('close', this.loseServer);
  }

  private readonly findServer = async (): Promise<void> => {
    const text = await this.redis.info('server').catch(() => undefined);
    if (text === undefined) return;
    this.server = /run_id:(\w+)/.exec(text)?.[1] ?? '';
    await this.look();
  };

  private readonly loseServer = (): void => {
    this.server = undefined;
  };

  private async look(): Promise<void> {
    if (this.server === undefined) {
      if (this.redis.status === 'ready') await this.findServer();
      return;
    }
    this.sent.prune();
    if (this.sent.isEmpty && this.era !== '') return;
    try {
      const era = await readPaceEra(this.redis, this.server);
      if (era !== this.era) await this.enter(era);
    } catch {
      // The next look comes soon, and no request is sent meanwhile.
    }
  }
}
