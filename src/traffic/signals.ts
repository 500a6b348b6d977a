import { Failure } from '../base/failures.js';
import type { TrafficName } from '../domain/cubes.js';
import { type Counter, type CounterSnapshot, type RampSeries, rampSeries } from '../domain/traffic/ramp/counters.js';
import { compareLatencies, type LatencyComparison } from '../domain/traffic/ramp/mann-whitney.js';
import { fetchBounded } from '../metrics/bounded-response.js';
import { type MetricSample, readMetricsText } from '../metrics/metrics-text.js';
import { queryPrometheus } from '../metrics/prometheus.js';

const answerMillis = 2000;

/** A gateway in the registry. */
export interface GatewayInstance {
  readonly instance_id: string;
  readonly url: string;
}

export interface SignalSources {
  /** Where not empty, Prometheus is queried instead of the gateways. */
  readonly prometheusUrl: string;
  /** A cube token with `migration:read`. */
  readonly token: () => string;
}

export interface Signals {
  readonly snapshot: CounterSnapshot;
  /** What could not be read, in one sentence; null when everything was read. */
  readonly missing: string | null;
}

/** The counters of all gateways for one cube. Never throws: a counter that cannot be read is missing. */
export async function readSignals(
  { prometheusUrl }: SignalSources,
  cube: TrafficName,
  gateways: readonly GatewayInstance[],
): Promise<Signals> {
  if (prometheusUrl !== '') return readFromPrometheus(prometheusUrl, cube);
  if (gateways.length === 0) return { snapshot: {}, missing: 'No gateway is in the registry.' };
  const answers = await Promise.all(
    gateways.map(async (gateway) => ({ gateway, counters: await countersOf(gateway, cube) })),
  );
  const silent = answers.filter(({ counters }) => counters === undefined).map(({ gateway }) => gateway.instance_id);
  return {
    snapshot: Object.fromEntries(
      answers.flatMap(({ gateway, counters }) => (counters === undefined ? [] : [[gateway.instance_id, counters]])),
    ),
    missing: silent.length === 0 ? null : `Gateway ${silent.join(', ')} does not report its metrics.`,
  };
}

/**
 * Compares the latencies of the last minutes by user, at the gateway with the most users of the cube: several gateways may
 * know a user, who must count once. Throws `metrics_unreachable` when a gateway does not answer.
 */
export async function readLatencies(
  { token }: SignalSources,
  cube: TrafficName,
  gateways: readonly GatewayInstance[],
): Promise<LatencyComparison> {
  if (gateways.length === 0) throw new Failure('metrics_unreachable', 'No gateway is in the registry.');
  const latencies = await Promise.all(
    gateways.map(async ({ instance_id, url }) => {
      const signal = AbortSignal.timeout(answerMillis);
      const authorization = `Bearer ${token()}`;
      const answer: unknown = await fetchBounded(`${url}/_gateway/latencies?cube=${cube}`, signal, { authorization })
        .then(JSON.parse)
        .catch(() => undefined);
      if (!isLatencies(answer))
        throw new Failure('metrics_unreachable', `Gateway ${instance_id} does not report its latencies.`);
      return answer;
    }),
  );
  const best = latencies.reduce((max, one) => (one.cube.length > max.cube.length ? one : max));
  return compareLatencies(best.cube, best.legacy);
}

async function readFromPrometheus(url: string, cube: TrafficName): Promise<Signals> {
  try {
    const { byInstance, whole } = await queryPrometheus(url, cube);
    const snapshot = Object.fromEntries([...byInstance].map(([instance, samples]) => [instance, pick(samples, cube)]));
    if (byInstance.size === 0) return { snapshot, missing: `Prometheus has no fresh series of ${cube}.` };
    return { snapshot, missing: whole ? null : 'Prometheus warns that its answer is not whole.' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { snapshot: {}, missing: error.message };
  }
}

/** Undefined for a gateway that does not answer, or has no counters by user. */
async function countersOf({ url }: GatewayInstance, cube: TrafficName): Promise<readonly Counter[] | undefined> {
  const text = await fetchBounded(`${url}/metrics`, AbortSignal.timeout(answerMillis)).catch(() => undefined);
  if (text === undefined) return undefined;
  const { samples, families } = readMetricsText(text);
  // A declared family without a sample has counted no user yet; without the declaration the gateway does not count.
  if (!families.has('gateway_window_users_total')) return undefined;
  return pick(samples, cube);
}

/** The counters of one cube. Zeros are left out: a missing counter is zero. */
function pick(samples: readonly MetricSample[], cube: TrafficName): readonly Counter[] {
  return samples.flatMap(({ name, labels, value }) => {
    if (labels.cube !== cube || value === 0 || !isRampSeries(name)) return [];
    return [[name, rampSeries[name].map((label) => labels[label] ?? ''), value] as const];
  });
}

function isRampSeries(name: string): name is RampSeries {
  return Object.hasOwn(rampSeries, name);
}

function isLatencies(answer: unknown): answer is { cube: readonly number[]; legacy: readonly number[] } {
  if (typeof answer !== 'object' || answer === null || !('cube' in answer) || !('legacy' in answer)) return false;
  return [answer.cube, answer.legacy].every(
    (values) => Array.isArray(values) && values.every((value) => typeof value === 'number' && Number.isFinite(value)),
  );
}
