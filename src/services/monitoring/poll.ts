import { fetchBounded } from '../../metrics/bounded-response.js';
import { type MetricSample, readMetricsText } from '../../metrics/metrics-text.js';

/** The health and metrics of a cube. */
export interface PolledCube {
  /** Whether it reports that all its dependencies answer. */
  readonly healthy: boolean;
  /** Only the four metrics of every cube. */
  readonly samples: readonly MetricSample[];
}

const answerMillis = 2000;
/** More series of one cube come from a wrong label, and would exhaust the memory of every scraper. */
const maxSamples = 5000;

/** Requests health and metrics of an instance concurrently. Throws without both responses within two seconds. */
export async function pollCube(cubeId: string, url: string): Promise<PolledCube> {
  const signal = AbortSignal.timeout(answerMillis);
  const [health, metrics] = await Promise.all([
    fetchBounded(`${url}/health`, signal),
    fetchBounded(`${url}/metrics`, signal),
  ]);
  const { status }: { status?: unknown } = Object(JSON.parse(health));
  const { samples } = readMetricsText(metrics);
  const kept = samples.filter(({ name }) => isOfEveryCube(cubeId, name));
  if (kept.length > maxSamples) throw new Error('too many samples');
  return { healthy: status === 'ok', samples: kept };
}

/** The metric families of the contract, with their types. */
export function familiesOf(cubeId: string): Readonly<Record<string, 'counter' | 'histogram' | 'gauge'>> {
  const prefix = cubeId.replaceAll('-', '_');
  return {
    [`${prefix}_requests_total`]: 'counter',
    [`${prefix}_request_duration_seconds`]: 'histogram',
    [`${prefix}_cpu_usage_percent`]: 'gauge',
    [`${prefix}_memory_usage_bytes`]: 'gauge',
  };
}

/** The family of a sample. */
export function familyOf(cubeId: string, sampleName: string): string {
  const families = familiesOf(cubeId);
  const whole = sampleName.replace(/_(bucket|sum|count)$/, '');
  return families[whole] === 'histogram' ? whole : sampleName;
}

function isOfEveryCube(cubeId: string, sampleName: string): boolean {
  return familyOf(cubeId, sampleName) in familiesOf(cubeId);
}
