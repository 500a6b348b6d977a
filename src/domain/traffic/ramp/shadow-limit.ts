/**
 * What the shadow comparison says. A field of a route may differ in at most 0.03 % of the comparisons; what differs as much
 * between two answers of the old side was left out by the comparison. That it is past the limit is shown by an
 * always-valid test of its own, after at least three differences: one answer may be a race.
 */
const limit = 0.0003;
const rateRatios = [3, 10, 100, 1000] as const;
const falseStopShare = 0.01;
const minMismatches = 3;

export interface ShadowTotals {
  readonly compared: number;
  readonly mismatched: number;
}

/** What was compared since the ramp began, by route, and what differed, by route and field. */
export interface ShadowEvidence {
  readonly compared: Readonly<Record<string, number>>;
  readonly mismatched: readonly { readonly route: string; readonly field: string; readonly count: number }[];
}

export const freshShadowEvidence: ShadowEvidence = { compared: {}, mismatched: [] };

export function addShadow(before: ShadowEvidence, added: ShadowEvidence): ShadowEvidence {
  const compared = { ...before.compared };
  for (const [route, count] of Object.entries(added.compared)) compared[route] = (compared[route] ?? 0) + count;
  const mismatched = new Map(before.mismatched.map((one) => [`${one.route} ${one.field}`, one]));
  for (const one of added.mismatched) {
    const key = `${one.route} ${one.field}`;
    mismatched.set(key, { ...one, count: one.count + (mismatched.get(key)?.count ?? 0) });
  }
  return { compared, mismatched: [...mismatched.values()] };
}

export interface ShadowFinding extends ShadowTotals {
  readonly route: string;
  readonly field: string;
  /** Whether the difference is beyond doubt, or as yet only more than the limit. */
  readonly certain: boolean;
}

/** The worst field above the limit, one beyond doubt before any other; undefined when all are within it. */
export function findMismatch(evidence: ShadowEvidence): ShadowFinding | undefined {
  const above = evidence.mismatched
    .map(({ route, field, count }) => {
      // A counter of comparisons that was read a moment before that of differences may be behind it.
      const compared = Math.max(count, evidence.compared[route] ?? 0);
      return { route, field, compared, mismatched: count, certain: isCertain({ compared, mismatched: count }) };
    })
    .filter(({ compared, mismatched }) => mismatched > limit * compared);
  return above.find(({ certain }) => certain) ?? above[0];
}

/** A difference that says whose record was answered: one is too many. Undefined while there is none. */
export function findCrossUserResponse(evidence: ShadowEvidence): { route: string; field: string } | undefined {
  return evidence.mismatched.find(({ field, count }) => count > 0 && /(^|[.\]])user_id$/.test(field));
}

function isCertain({ compared, mismatched }: ShadowTotals): boolean {
  const ratio =
    rateRatios.reduce((sum, times) => {
      const rate = limit * times;
      const log = mismatched * Math.log(rate / limit) + (compared - mismatched) * Math.log((1 - rate) / (1 - limit));
      return sum + Math.exp(log);
    }, 0) / rateRatios.length;
  return mismatched >= minMismatches && ratio > 1 / falseStopShare;
}
