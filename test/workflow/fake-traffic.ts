import type {
  RampMove,
  TrafficObservation,
  TrafficReads,
  WeightChange,
  WeightSteps,
} from '../../src/activities/traffic.js';
import type { CheckResult } from '../../src/domain/check-result.js';
import type { Counter, RampSeries } from '../../src/domain/traffic/ramp/counters.js';
import type { LatencyComparison } from '../../src/domain/traffic/ramp/mann-whitney.js';

/** What gateways count between two looks, per side. */
export interface Counted {
  readonly users: number;
  readonly failedUsers?: number;
  readonly requests?: number;
  readonly failed?: number;
  /** Users whom the side refused (4xx). */
  readonly refusedUsers?: number;
}

/**
 * Redis, registry and one gateway, as the plan of a ramp sees them: a weight that anybody may set, and traffic that depends
 * on it. Counters grow with each look as a gateway's do.
 */
export class FakeTraffic {
  percentage: number | null = 0;
  enabled = true;
  changedBy: string | null = null;
  revision = 0;
  ready = 2;
  missing: string | null = null;
  looks = 0;
  /** Weights in the order in which they were set through the plan. */
  readonly changes: WeightChange[] = [];
  /** What 1,000 users do between two looks, by weight. */
  traffic: (percentage: number) => { cube: Counted; legacy: Counted } = (percentage) => ({
    cube: { users: percentage * 10 },
    legacy: { users: 1000 - percentage * 10 },
  });
  latencies: LatencyComparison | { missing: string } = {
    cubeUsers: 500,
    legacyUsers: 500,
    cubeMillis: 10,
    legacyMillis: 10,
    pValue: 0.5,
  };
  comparisons = 0;
  /** What a write check of the cube comes to. */
  writes: CheckResult = { passed: true };
  writeChecks = 0;
  /** Awaited by every look: a gate that a test opens. */
  beforeLook: () => Promise<void> = async () => undefined;
  beforeRecord: () => Promise<void> = async () => undefined;
  /** What was put on record. */
  readonly moves: RampMove[] = [];
  beforeChange: () => Promise<void> = async () => undefined;
  private readonly turns = new Map<string, number>();
  private readonly totals = new Map<string, Counter>();

  readonly activities: TrafficReads & WeightSteps = {
    observeTraffic: async () => {
      await this.beforeLook();
      this.looks++;
      const { cube, legacy } = this.traffic(this.enabled ? (this.percentage ?? 0) : 0);
      this.count('cube', cube);
      this.count('legacy', legacy);
      return {
        weight: {
          enabled: this.enabled,
          percentage: this.percentage,
          changedBy: this.changedBy,
          revision: this.revision,
        },
        ready: this.ready,
        snapshot: this.missing === null ? { gateway: [...this.totals.values()] } : {},
        listed: ['gateway'],
        missing: this.missing,
      } satisfies TrafficObservation;
    },
    checkWrites: async () => {
      this.writeChecks++;
      return this.writes;
    },
    compareUserLatencies: async () => {
      this.comparisons++;
      return this.latencies;
    },
    recordMove: async (move: RampMove) => {
      await this.beforeRecord();
      this.moves.push(move);
    },
    setWeight: async (change: WeightChange) => {
      await this.beforeChange();
      const { percentage, revision } = this;
      const { onlyIf = percentage, onlyIfRevision = revision, fence } = change;
      const late = fence !== undefined && (this.turns.get(fence.holderId) ?? 0) >= fence.sequence;
      if (fence !== undefined && !late) this.turns.set(fence.holderId, fence.sequence);
      if (late || onlyIf !== percentage || onlyIfRevision !== revision)
        return { done: change.percentage === percentage, revision };
      this.percentage = change.percentage;
      this.changedBy = change.by;
      this.changes.push(change);
      return { done: true, revision: ++this.revision };
    },
  };

  get weights(): readonly number[] {
    return this.changes.map(({ percentage }) => percentage);
  }

  setByHand(percentage: number | null, by: string | null = null): void {
    this.percentage = percentage;
    this.changedBy = by;
    if (by !== null) this.revision++;
  }

  private count(target: string, counted: Counted): void {
    const { users, failedUsers = 0, requests = users, failed = failedUsers, refusedUsers = 0 } = counted;
    this.add('gateway_route_users_total', ['POST /api/saju/calculate', target], users);
    this.add('gateway_route_refused_users_total', ['POST /api/saju/calculate', target], refusedUsers);
    this.add('gateway_window_users_total', [target], users);
    this.add('gateway_window_failed_users_total', [target], failedUsers);
    this.add('gateway_window_requests_total', [target], requests);
    this.add('gateway_window_failed_requests_total', [target], failed);
    this.add('gateway_upstream_requests_total', [target, '200'], requests - failed);
    this.add('gateway_upstream_requests_total', [target, '500'], failed);
  }

  private add(series: RampSeries, labels: readonly string[], value: number): void {
    const key = JSON.stringify([series, labels]);
    this.totals.set(key, [series, labels, (this.totals.get(key)?.[2] ?? 0) + value]);
  }
}
