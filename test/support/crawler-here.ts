import { pageLimits } from '../../src/crawler/fetching/fetch-limits.js';
import { createFetcher, type Fetcher, type FetcherSettings } from '../../src/crawler/fetching/fetcher.js';
import { HostPace, paceTimes } from '../../src/crawler/fetching/host-pace.js';
import { parseAllowedTargets } from '../../src/domain/crawler/allowed-targets.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { until } from './conditions.js';
import { HostileSite } from './hostile-site.js';
import { OwnRedis } from './own-redis.js';

/** What every name leads to that a test does not say otherwise of: an address of the internet, at which the site on this machine answers. */
export const publicAddress = '93.184.216.34';

/** A site, and a fetcher that reaches it by public addresses and names alone, with no allowed target. */
export class CrawlerHere {
  /** Addresses of names; a function answers the next one at each look. */
  readonly names = new Map<string, () => readonly string[]>();
  /** Addresses that the fetcher connected to. */
  readonly dialled: string[] = [];
  readonly events: string[] = [];
  readonly fetcher: Fetcher;
  private readonly pace: HostPace;

  private constructor(
    readonly site: HostileSite,
    private readonly server: OwnRedis,
    private readonly redis: RedisConnection,
  ) {
    this.pace = new HostPace(redis, { ...paceTimes, settle: 100 });
    this.fetcher = createFetcher(this.settings());
  }

  static async start(): Promise<CrawlerHere> {
    const [site, server] = await Promise.all([HostileSite.start(), OwnRedis.start()]);
    const redis = connectRedis(server.url, { onError: () => undefined });
    await until('a connection', () => redis.status === 'ready');
    return new CrawlerHere(site, server, redis);
  }

  get redisUrl(): string {
    return this.server.url;
  }

  settings(changes: Partial<FetcherSettings> = {}): FetcherSettings {
    return {
      allowed: parseAllowedTargets(''),
      pace: this.pace,
      limits: { ...pageLimits, total: 1500, silence: 700, wireBytes: 1024 * 1024, contentBytes: 2 * 1024 * 1024 },
      retry: { attempts: 3, firstBackOff: 20, longestRetryAfter: 5000 },
      resolve: async (name) => this.names.get(name)?.() ?? [publicAddress],
      dial: (address) => {
        this.dialled.push(address);
        // Nothing of a test leaves this machine, whatever the fetcher permits.
        return { address: '127.0.0.1', port: address === publicAddress ? this.site.port : 1 };
      },
      observer: {
        fetched: (jobId, host, bytes) => this.events.push(`${jobId} ${host} fetched ${bytes}`),
        failed: (jobId, host, reason) => this.events.push(`${jobId} ${host} failed ${reason}`),
        waited: () => undefined,
      },
      ...changes,
    };
  }

  async stop(): Promise<void> {
    await this.fetcher.close();
    this.pace.close();
    this.redis.disconnect();
    await Promise.all([this.site.stop(), this.server.stop()]);
  }
}
