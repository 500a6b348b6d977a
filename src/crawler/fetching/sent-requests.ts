import type { Arrival } from '../../redis/scripts/record-arrivals.js';

interface HostRequests {
  /** Latest times of arrival by request, the oldest first. */
  readonly arrivals: Map<string, number>;
  newest: number;
}

/**
 * What this worker sent within the last window, by host: what it tells a Redis that has lost it. Times are of the worker's monotonic clock.
 */
export class SentRequests {
  private readonly hosts = new Map<string, HostRequests>();

  constructor(private readonly keptMillis: number) {}

  get isEmpty(): boolean {
    return this.hosts.size === 0;
  }

  /** `arrivesBy` is the latest time at which the host has, or may have, the request. */
  note(host: string, requestId: string, arrivesBy: number): void {
    const requests = this.hosts.get(host) ?? { arrivals: new Map<string, number>(), newest: 0 };
    this.hosts.set(host, requests);
    const { arrivals } = requests;
    arrivals.delete(requestId);
    arrivals.set(requestId, arrivesBy);
    requests.newest = Math.max(requests.newest, arrivesBy);
    for (const [id, time] of arrivals) {
      if (this.matters(time)) break;
      arrivals.delete(id);
    }
  }

  forget(host: string, requestId: string): void {
    this.hosts.get(host)?.arrivals.delete(requestId);
  }

  /** Forgets hosts whose requests are all too old to matter. */
  prune(): void {
    for (const [host, { newest }] of this.hosts) if (!this.matters(newest)) this.hosts.delete(host);
  }

  /** Every host with what was sent to it. */
  list(): readonly { readonly host: string; readonly arrivals: readonly Arrival[] }[] {
    const now = performance.now();
    return [...this.hosts]
      .map(([host, { arrivals }]) => ({
        host,
        arrivals: [...arrivals]
          .filter(([, time]) => this.matters(time))
          .map(([requestId, time]) => ({ requestId, ageMillis: now - time })),
      }))
      .filter(({ arrivals }) => arrivals.length > 0);
  }

  private matters(time: number): boolean {
    return time > performance.now() - this.keptMillis;
  }
}
