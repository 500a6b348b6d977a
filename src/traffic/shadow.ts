import type { Side } from '../domain/side.js';
import {
  type ComparableResponse,
  compareResponses,
  isIgnored,
  type ShadowRule,
  type TolerantField,
} from '../domain/traffic/shadow-comparison.js';
import { ShadowCounts } from './shadow-counts.js';

/** A request that may be sent to both sides. */
export interface ShadowRequest {
  /** The name in the label of metrics. */
  readonly cube: string;
  /** The route's pattern. */
  readonly route: string;
  readonly requestId: string;
}

/** The response that the client got. */
export interface ClientResponse {
  readonly status: number;
  readonly millis: number;
}

export interface ShadowOptions<R extends ShadowRequest> {
  /** Sends the request to one side; rejects without a response within the limits. */
  readonly fetchResponse: (side: Side, request: R, limits: ResponseLimits) => Promise<ComparableResponse>;
  /** Which numbers of a response may differ a little; rejects where that cannot be read now: then nothing is compared. */
  readonly tolerantField: (request: R, limits: ResponseLimits) => Promise<TolerantField | undefined>;
  /** The number of requests of clients in flight. */
  readonly inFlight: () => number;
  readonly rules: readonly ShadowRule[];
  readonly clock: () => Date;
}

export interface ResponseLimits {
  readonly millis: number;
  readonly bytes: number;
}

export interface Shadow<R extends ShadowRequest> {
  /**
   * Called after the client has its response. Compares the sides if there is capacity now, otherwise not at all: nothing is
   * queued. Never throws.
   */
  consider(request: R, primary: ClientResponse): void;
  readonly counts: ShadowCounts;
  /** The number of comparisons in progress. */
  running(): number;
}

/** TRAFFIC, "Shadow": share of the requests in flight; at least one, or little traffic would never be compared. */
const maxShare = 0.05;
const maxBytes = 64 * 1024;
const p99Factor = 2;
const [minMillis, unknownMillis, maxMillis] = [50, 1000, 5000];

/** Said of a side at this moment, as when the time limit of the comparison is over before a model was loaded; it answers nothing. */
const unavailable = [503, 504];

/**
 * Sends a request to legacy, the cube, and legacy again, apart from any client, and counts the differences. A field in which
 * legacy differs from itself is noise. Before a difference counts, legacy is called once more: if it now agrees with the cube,
 * the data changed in between.
 */
export function createShadow<R extends ShadowRequest>(options: ShadowOptions<R>): Shadow<R> {
  const { fetchResponse, tolerantField, inFlight, rules, clock } = options;
  const counts = new ShadowCounts();
  const durations = new Map<string, RecentDurations>();
  let running = 0;

  const compareSides = async (request: R, limits: ResponseLimits) => {
    const ofRoute = counts.of(request.cube, request.route);
    const call = (side: Side) =>
      fetchResponse(side, request, limits).then(
        (response) => (unavailable.includes(response.status) ? null : response),
        () => null,
      );
    const tolerant = await tolerantField(request, limits).catch(() => null);
    const legacy = tolerant === null ? null : await call('legacy');
    const cube = legacy === null ? null : await call('cube');
    const legacyAgain = cube === null ? null : await call('legacy');
    if (tolerant === null || legacy === null || cube === null || legacyAgain === null) {
      ofRoute.skipped[legacy !== null && cube === null ? 'new_failed' : 'old_failed'] += 1;
      return;
    }
    const at = clock().toISOString();
    const significant = (one: ComparableResponse, other: ComparableResponse) =>
      compareResponses(one, other, tolerant)?.filter(
        ({ field }) => !isIgnored(rules, request.route, field, at.slice(0, 10)),
      );
    const [noisy, different] = [significant(legacy, legacyAgain), significant(legacyAgain, cube)];
    if (noisy === undefined || different === undefined) {
      ofRoute.skipped.too_nested++;
      return;
    }
    ofRoute.compared++;
    const noise = firstByField(noisy);
    for (const field of noise.keys()) counts.recordLegacyDifference(ofRoute, field);
    const differences = firstByField(different);
    if (differences.size === 0) return;
    const later = await call('legacy');
    const left = later === null ? differences : firstByField(significant(later, cube) ?? different);
    for (const [field, difference] of differences) {
      if (left.has(field)) counts.recordCubeDifference(ofRoute, difference, !noise.has(field), at, request.requestId);
      else ofRoute.raced++;
    }
  };

  return {
    counts,
    running: () => running,
    consider: (request, { status, millis }) => {
      let known = durations.get(request.route);
      if (known === undefined) {
        known = new RecentDurations();
        durations.set(request.route, known);
      }
      known.add(millis);
      // A refusal or failure of the gateway itself says nothing about the sides.
      if (status >= 500 || status === 429 || status === 499) return;
      if (running >= Math.max(1, Math.floor(inFlight() * maxShare))) {
        counts.of(request.cube, request.route).skipped.busy++;
        return;
      }
      running++;
      const limits = { millis: limitOf(known), bytes: maxBytes };
      setImmediate(() => {
        compareSides(request, limits)
          .catch(() => undefined)
          .finally(() => {
            running--;
          });
      });
    },
  };
}

/** Of several differences in one field, as in the items of a list, only the first counts. */
function firstByField<D extends { readonly field: string }>(differences: readonly D[]): ReadonlyMap<string, D> {
  return new Map([...differences].reverse().map((one) => [one.field, one]));
}

function limitOf(durations: RecentDurations): number {
  const p99 = durations.p99();
  return p99 === undefined ? unknownMillis : Math.min(maxMillis, Math.max(minMillis, p99Factor * p99));
}

const keptDurations = 256;
const minDurations = 20;

/** The last durations of a route. */
class RecentDurations {
  private readonly ring = new Float64Array(keptDurations);
  private count = 0;

  add(millis: number): void {
    this.ring[this.count % keptDurations] = millis;
    this.count++;
  }

  /** Undefined while there are too few durations. */
  p99(): number | undefined {
    const filled = Math.min(this.count, keptDurations);
    if (filled < minDurations) return undefined;
    return this.ring.slice(0, filled).sort()[Math.ceil(filled * 0.99) - 1];
  }
}
