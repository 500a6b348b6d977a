import type { Side } from '../../side.js';
import type { UserCounts } from './always-valid.js';
import type { LatencyBuckets } from './latency-line.js';
import type { ShadowEvidence } from './shadow-limit.js';

/** The series of a gateway that a ramp is judged by, with the labels that distinguish them in addition to the cube. */
export const rampSeries = {
  gateway_upstream_requests_total: ['target', 'status'],
  gateway_upstream_duration_seconds_bucket: ['target', 'le'],
  gateway_anothers_answers_total: [],
  gateway_window_users_total: ['target'],
  gateway_window_failed_users_total: ['target'],
  gateway_window_requests_total: ['target'],
  gateway_window_failed_requests_total: ['target'],
  gateway_route_users_total: ['route', 'target'],
  gateway_route_refused_users_total: ['route', 'target'],
  gateway_shadow_compared_total: ['route'],
  gateway_shadow_mismatched_total: ['route', 'field'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type RampSeries = keyof typeof rampSeries;

/** One counter: which series, and the values of its labels in the order of `rampSeries`. */
export type Counter = readonly [RampSeries, readonly string[], number];

/** What gateways have counted since each of them started, by gateway instance. Plain data. */
export type CounterSnapshot = Readonly<Record<string, readonly Counter[]>>;

/** What was counted between two snapshots, over all gateways. */
export interface Increment {
  /** Requests as they were answered, the newest included. */
  readonly answered: Readonly<Record<Side, RequestCounts>>;
  /** Requests of users in closed windows; those of users on the allow list or from machines are left out. */
  readonly windows: Readonly<Record<Side, RequestCounts>>;
  readonly users: UserCounts;
  /** By route: users whom a side refused (4xx) count as failed. */
  readonly refused: Readonly<Record<string, UserCounts>>;
  readonly durations: Readonly<Record<Side, LatencyBuckets>>;
  /** Answers of the cube that belonged to another call. */
  readonly crossUserResponses: number;
  readonly shadow: ShadowEvidence;
}

export interface RequestCounts {
  readonly requests: number;
  readonly failed: number;
}

/**
 * What was counted since `before`. A counter that fell was started anew and counts from zero; a gateway that was not there
 * before gives its first reading alone, since the age of its counts is unknown.
 */
export function countBetween(before: CounterSnapshot, now: CounterSnapshot): Increment {
  const sums = new Map<string, { counter: Counter; value: number }>();
  for (const [gateway, counters] of Object.entries(now)) {
    const known = before[gateway];
    if (known === undefined) continue;
    const last = new Map(known.map((counter) => [keyOf(counter), counter[2]]));
    for (const counter of counters) {
      const key = keyOf(counter);
      const previous = last.get(key) ?? 0;
      const added = counter[2] < previous ? counter[2] : counter[2] - previous;
      if (added > 0) sums.set(key, { counter, value: (sums.get(key)?.value ?? 0) + added });
    }
  }
  return incrementOf([...sums.values()].map(({ counter: [series, labels], value }) => [series, labels, value]));
}

/**
 * The snapshot to compare the next one with: of a gateway that did not answer this time, what it said last, so that nothing
 * it counts meanwhile is lost. Forgets those that are not even listed any more.
 */
export function keepSilent(before: CounterSnapshot, now: CounterSnapshot, listed: readonly string[]): CounterSnapshot {
  const silent = Object.entries(before).filter(([gateway]) => !(gateway in now) && listed.includes(gateway));
  return { ...Object.fromEntries(silent), ...now };
}

function keyOf([series, labels]: Counter): string {
  return JSON.stringify([series, labels]);
}

function incrementOf(counters: readonly Counter[]): Increment {
  const total = (series: RampSeries, fits: (...labels: string[]) => boolean) =>
    counters.reduce((sum, [name, labels, value]) => (name === series && fits(...labels) ? sum + value : sum), 0);
  const of = (side: string) => (target: string) => target === side;
  const answered = (side: string): RequestCounts => ({
    requests: total('gateway_upstream_requests_total', of(side)),
    // Time-outs and broken answers may carry a word instead of a status.
    failed: total(
      'gateway_upstream_requests_total',
      (target, status = '') => target === side && !/^[1-4]/.test(status),
    ),
  });
  const windows = (side: string): RequestCounts => ({
    requests: total('gateway_window_requests_total', of(side)),
    failed: total('gateway_window_failed_requests_total', of(side)),
  });
  const durations = (side: string): LatencyBuckets =>
    Object.fromEntries(
      counters.flatMap(([name, [target, bound = ''], value]) =>
        name === 'gateway_upstream_duration_seconds_bucket' && target === side ? [[bound, value]] : [],
      ),
    );
  return {
    answered: { cube: answered('cube'), legacy: answered('legacy') },
    windows: { cube: windows('cube'), legacy: windows('legacy') },
    users: {
      cubeUsers: total('gateway_window_users_total', of('cube')),
      cubeFailedUsers: total('gateway_window_failed_users_total', of('cube')),
      legacyUsers: total('gateway_window_users_total', of('legacy')),
      legacyFailedUsers: total('gateway_window_failed_users_total', of('legacy')),
    },
    refused: refusedByRoute(counters),
    crossUserResponses: total('gateway_anothers_answers_total', () => true),
    durations: { cube: durations('cube'), legacy: durations('legacy') },
    shadow: {
      compared: Object.fromEntries(
        counters.flatMap(([name, [route = ''], value]) =>
          name === 'gateway_shadow_compared_total' ? [[route, value]] : [],
        ),
      ),
      mismatched: counters.flatMap(([name, [route = '', field = ''], count]) =>
        name === 'gateway_shadow_mismatched_total' ? [{ route, field, count }] : [],
      ),
    },
  };
}

function refusedByRoute(counters: readonly Counter[]): Readonly<Record<string, UserCounts>> {
  const none: UserCounts = { cubeUsers: 0, cubeFailedUsers: 0, legacyUsers: 0, legacyFailedUsers: 0 };
  const byRoute: Record<string, UserCounts> = {};
  for (const [series, [route = '', target], value] of counters) {
    const refused = series === 'gateway_route_refused_users_total';
    if (!refused && series !== 'gateway_route_users_total') continue;
    const side = target === 'cube' ? 'cube' : 'legacy';
    const member = `${side}${refused ? 'Failed' : ''}Users` as const;
    const known = byRoute[route] ?? none;
    byRoute[route] = { ...known, [member]: known[member] + value };
  }
  return byRoute;
}
