import { LRUCache } from 'lru-cache';
import type { Side } from '../../../domain/side.js';
import type { UserBytes } from '../../../domain/traffic/routing.js';
import { failedUserTtlMillis } from '../../../traffic/failed-users.js';
import { Latencies } from './latencies.js';
import { family } from './metrics.js';

const sides = ['cube', 'legacy'] as const satisfies readonly Side[];
/** Users in one window and on one side; further ones are not counted. */
const maxUsers = 100_000;
const maxWindowSeconds = 600;

/** The counts of one window, or of all closed windows. */
interface WindowCounts {
  users: number;
  failedUsers: number;
  requests: number;
  failed: number;
}

class SideWindow {
  /** Created with the first failure: it allocates all its memory at once. */
  private known: LRUCache<UserBytes, true> | undefined;
  users = new Set<UserBytes>();
  failedUsers = new Set<UserBytes>();
  requests = 0;
  failed = 0;
  readonly totals: WindowCounts = { users: 0, failedUsers: 0, requests: 0, failed: 0 };
  readonly latencies = new Latencies();

  constructor(private readonly now: () => number) {}

  /** Closes the window. `newlyFailed` gives how many of the users who are new to this gateway are new to all gateways. */
  async close(seconds: number, newlyFailed: (users: readonly UserBytes[]) => Promise<number>): Promise<void> {
    const { users, requests, failed } = this;
    const unknown = [...this.failedUsers].filter((user) => this.isNew(user));
    if (users.size > 0) this.users = new Set();
    if (this.failedUsers.size > 0) this.failedUsers = new Set();
    this.latencies.adapt(requests / seconds, maxWindowSeconds);
    this.requests = 0;
    this.failed = 0;
    const failedUsers = unknown.length === 0 ? 0 : await newlyFailed(unknown);
    // All at once: readers compare failed users with users, and need both from the same windows.
    this.totals.users += users.size;
    this.totals.failedUsers += failedUsers;
    this.totals.requests += requests;
    this.totals.failed += failed;
  }

  /** Users who failed before count again. */
  clearKnown(): void {
    this.known = undefined;
  }

  private isNew(user: UserBytes): boolean {
    this.known ??= new LRUCache({ max: maxUsers, ttl: failedUserTtlMillis, perf: { now: this.now } });
    if (this.known.has(user)) return false;
    this.known.set(user, true);
    return true;
  }
}

/** The failed users that all gateways share. Both calls may reject; then this gateway uses its own counts. */
export interface SharedFailures {
  /** Records users, and gives how many of them no gateway has counted within the hour. */
  record(label: string, side: Side, users: readonly UserBytes[]): Promise<number>;
  /** Users who failed before count again. */
  clear(label: string): Promise<void>;
}

export interface UserWindowsOptions {
  readonly labels: readonly string[];
  readonly windowMillis: number;
  /** The percentage of users on the cube. */
  readonly weightOf: (label: string) => number;
  readonly failures: SharedFailures;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Whether latencies are kept too; true by default. */
  readonly keepsLatencies?: boolean;
}

/**
 * Counts users with a failure, by windows of time: requests of one user are not independent trials, users are (TRAFFIC,
 * "Bites"). For the same reason a user who fails in several windows, or at several gateways, counts as failed once an hour:
 * otherwise a ramp between equal sides would go back one time in five, where one in a hundred is promised
 * (test/unit/domain/traffic/ramp/simulation.test.ts). After a lower weight they count again. A window's counts reach the series soon
 * after its end.
 */
export class UserWindows {
  private readonly cubes: ReadonlyMap<string, Readonly<Record<Side, SideWindow>>>;
  private readonly timer: NodeJS.Timeout;
  /** Whether the failed users of a cube could be cleared when its weight last fell. */
  private readonly clearing = new Map<string, Promise<boolean>>();
  /** The weight of each cube, and the time of its last change. */
  private readonly weights = new Map<string, { readonly weight: number; readonly since: number }>();

  constructor(private readonly options: UserWindowsOptions) {
    const { labels, windowMillis, now } = options;
    this.cubes = new Map(labels.map((label) => [label, { cube: new SideWindow(now), legacy: new SideWindow(now) }]));
    this.timer = setInterval(() => {
      for (const label of labels) {
        for (const side of sides) void this.closeWindow(label, side);
        this.checkWeight(label);
      }
    }, windowMillis);
    this.timer.unref();
  }

  private checkWeight(label: string): void {
    const weight = this.options.weightOf(label);
    const before = this.weights.get(label)?.weight;
    if (before === weight) return;
    this.weights.set(label, { weight, since: this.options.now() });
    // After a rollback the next ramp meets the same users, and must count their failures again.
    if (before === undefined || weight >= before) return;
    for (const side of sides) this.cubes.get(label)?.[side].clearKnown();
    this.clearing.set(label, this.clearShared(label));
  }

  /** Resolves with whether it succeeded. */
  private clearShared(label: string): Promise<boolean> {
    return this.options.failures.clear(label).then(
      () => true,
      () => false,
    );
  }

  /** Whether the shared failures belong to the current weight; retries a clearing that failed. */
  private async sharedFailuresCleared(label: string): Promise<boolean> {
    const before = this.clearing.get(label);
    if (before === undefined || (await before)) return true;
    const again = this.clearShared(label);
    this.clearing.set(label, again);
    return again;
  }

  private async closeWindow(label: string, side: Side): Promise<void> {
    const { failures, windowMillis } = this.options;
    // Counting a user twice is safer than not at all.
    const newlyFailed = async (users: readonly UserBytes[]) =>
      (await this.sharedFailuresCleared(label))
        ? failures.record(label, side, users).catch(() => users.length)
        : users.length;
    await this.cubes.get(label)?.[side].close(windowMillis / 1000, newlyFailed);
  }

  /** Counts one response, as the user saw it. */
  count(label: string, side: Side, user: UserBytes, failed: boolean, millis: number): void {
    const window = this.cubes.get(label)?.[side];
    if (window === undefined || (window.users.size >= maxUsers && !window.users.has(user))) return;
    window.users.add(user);
    window.requests++;
    if (failed) {
      window.failedUsers.add(user);
      window.failed++;
    }
    if (this.options.keepsLatencies !== false) window.latencies.add(user, millis, this.options.now());
  }

  /**
   * Medians by user over the last `seconds`, in milliseconds, of responses since the last change of the weight; null for an
   * unknown cube.
   */
  latencies(label: string, seconds: number): Readonly<Record<Side, readonly number[]>> | null {
    const window = this.cubes.get(label);
    if (window === undefined) return null;
    const from = Math.max(
      this.options.now() - Math.min(seconds, maxWindowSeconds) * 1000,
      this.weights.get(label)?.since ?? 0,
    );
    return { cube: window.cube.latencies.medians(from), legacy: window.legacy.latencies.medians(from) };
  }

  /** The counts of all closed windows of one side. */
  totalsOf(label: string, side: Side): Readonly<WindowCounts> {
    return this.cubes.get(label)?.[side].totals ?? { users: 0, failedUsers: 0, requests: 0, failed: 0 };
  }

  render(): string {
    const series = [
      ['gateway_window_users_total', 'Users with an answer, in closed windows', 'users'],
      [
        'gateway_window_failed_users_total',
        'Users with a failed answer, each once an hour, in closed windows',
        'failedUsers',
      ],
      ['gateway_window_requests_total', 'Answers to users, in closed windows', 'requests'],
      ['gateway_window_failed_requests_total', 'Failed answers to users, in closed windows', 'failed'],
    ] as const;
    return series
      .map(([name, help, total]) => {
        const lines = [...this.cubes].flatMap(([label, window]) =>
          sides.map((side) => `${name}{cube="${label}",target="${side}"} ${window[side].totals[total]}`),
        );
        return `${[family(name, 'counter', help), ...lines].join('\n')}\n`;
      })
      .join('');
  }

  close(): void {
    clearInterval(this.timer);
  }
}
