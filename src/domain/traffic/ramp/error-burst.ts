/** The plainest alarm: half of what the cube answers fails. Needs no comparison and few requests. */

const minRequests = 20;
const minShare = 0.5;
const keptMillis = 60_000;

export interface RecentCounts {
  readonly atMillis: number;
  readonly requests: number;
  readonly failed: number;
}

/** The cube's requests of the last minute of the ramp's clock, the newest last. */
export type RecentRequests = readonly RecentCounts[];

export function addRecent(recent: RecentRequests, counts: RecentCounts): RecentRequests {
  const kept = recent.filter(({ atMillis }) => atMillis > counts.atMillis - keptMillis);
  return counts.requests === 0 ? kept : [...kept, counts];
}

/** What failed of the newest requests, as soon as there are enough of them and at least half failed; else undefined. */
export function findBurst(recent: RecentRequests): { requests: number; failed: number } | undefined {
  let requests = 0;
  let failed = 0;
  for (const counts of [...recent].reverse()) {
    requests += counts.requests;
    failed += counts.failed;
    if (requests >= minRequests) break;
  }
  return requests >= minRequests && failed >= minShare * requests ? { requests, failed } : undefined;
}
