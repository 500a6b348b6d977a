import type { Arrival } from '../../redis/scripts/record-arrivals.js';

/**
 * What this worker sent within the last minute, by host: what it tells a Redis that has lost it. Times are of the worker's monotonic clock.
 */
export class SentRequests {
  private readonly hosts = new Map<string, Map<string, number>>();

  constructor(private readonly keptMillis: number) {}

  get isEmpty(): boolean {
    return this.hosts.size === 0;
  }

  /** `arrivedAt` is the latest time at which the host has, or may have, the request. */
  note(host: string, requestId: string, arrivedAt: number): void {
    const requests = this.hosts.get(host) ?? new Map<string, number>();
    this.hosts.set(host, requests);
    // To the end: the first ones are the oldest.
    requests.delete(requestId);
    requests.set(requestId, arrivedAt);
    const now = performance.now();
    for (const [id, at] of requests) {
      if (at > now - this.keptMillis) break;
      requests.delete(id);
    }
  }

  forget(host: string, requestId: string): void {
    this.hosts.get(host)?.delete(requestId);
  }

  /** Every host with what was sent to it, forgetting what is too old to matter. */
  list(): readonly { readonly host: string; readonly arrivals: readonly Arrival[] }[] {
    const now = performance.now();
    return [...this.hosts].flatMap(([host, requests]) => {
      const arrivals = [...requests]
        .map(([requestId, at]) => ({ requestId, ageMillis: now - at }))
        .filter(({ ageMillis }) => ageMillis < this.keptMillis);
      if (arrivals.length === 0) this.hosts.delete(host);
      return arrivals.length === 0 ? [] : [{ host, arrivals }];
    });
  }
}
