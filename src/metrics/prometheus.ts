import { Failure } from '../base/failures.js';
import { type RampSeries, rampSeries } from '../domain/traffic/ramp/counters.js';
import { fetchBoundedResponse } from './bounded-response.js';
import type { MetricSample } from './metrics-text.js';

const answerMillis = 4000;
/** Older samples are stale: four times the contract's scrape interval. */
const freshSeconds = 60;
/** Several hundred series of each of several hundred gateways. */
const maxBytes = 32 * 1024 * 1024;

export interface PrometheusAnswer {
  readonly byInstance: ReadonlyMap<string, readonly MetricSample[]>;
  /** False where Prometheus adds a warning to its response, as for a store that did not answer. */
  readonly whole: boolean;
}

/**
 * The newest samples of a ramp's series for one cube, by the scraped instance. Raw counters, so that restarts are handled in one
 * place. Throws `metrics_unreachable`.
 */
export async function queryPrometheus(url: string, cube: string): Promise<PrometheusAnswer> {
  const names = (Object.keys(rampSeries) as RampSeries[]).join('|');
  const body = new URLSearchParams({ query: `{__name__=~"${names}",cube="${cube}"}[${freshSeconds}s]` });
  const answer = await fetchBoundedResponse(`${url}/api/v1/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: body.toString(),
    signal: AbortSignal.timeout(answerMillis),
    maxBytes,
  }).catch((error: unknown) => {
    throw new Failure('metrics_unreachable', 'Prometheus did not answer.', { cause: error });
  });
  const parsed = readJson(answer.text);
  if (answer.status !== 200 || !isMatrix(parsed))
    throw new Failure('metrics_unreachable', `Prometheus answered ${answer.status} and no series.`);
  const byInstance = new Map<string, MetricSample[]>();
  // A series of a native histogram has no values.
  for (const { metric, values = [] } of parsed.data.result) {
    const { __name__: name = '', instance = '', ...labels } = metric;
    const [, text] = values.at(-1) ?? [];
    const value = Number(text);
    if (text === undefined || !Number.isFinite(value)) continue;
    const samples = byInstance.get(instance);
    if (samples === undefined) byInstance.set(instance, [{ name, labels, value }]);
    else samples.push({ name, labels, value });
  }
  return { byInstance, whole: (parsed.warnings?.length ?? 0) === 0 };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Matrix {
  readonly warnings?: readonly string[];
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

function isMatrix(value: unknown): value is Matrix {
  if (typeof value !== 'object' || value === null || !('data' in value)) return false;
  const { data } = value;
  return (
    typeof data === 'object' &&
    data !== null &&
    'resultType' in data &&
    data.resultType === 'matrix' &&
    'result' in data &&
    Array.isArray(data.result) &&
    data.result.every(isSeries)
  );
}

function isSeries(value: unknown): boolean {
  const { metric, values = [] }: { metric?: unknown; values?: unknown } = Object(value);
  return typeof metric === 'object' && metric !== null && Array.isArray(values) && values.every(Array.isArray);
}
