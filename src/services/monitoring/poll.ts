import { fetchBounded } from '../../metrics/bounded-response.js';
import { type MetricSample, readMetricsText } from '../../metrics/metrics-text.js';

/** What a cube said of itself. */
export interface CubeAnswer {
  /** Whether it says that all it depends on answers. */
  readonly healthy: boolean;
  /** The four metrics of every cube, and no others. */
  readonly samples: readonly MetricSample[];
}

const answerMillis = 2000;
/** More series of one cube are a label that should not be one, and would take the memory of everybody who scrapes. */
const maxSamples = 5000;

/** Asks an instance how it is and what it counts, at the same time. Throws when it does not answer both, in two seconds. */
export async function pollCube(cubeId: string, url: string): Promise<CubeAnswer> {
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

/** The families that the contract names, with the parts a histogram is told in. */
export function familiesOf(cubeId: string): Readonly<Record<string, 'counter' | 'histogram' | 'gauge'>> {
  const prefix = cubeId.replaceAll('-', '_');
  return {
    [`${prefix}_requests_total`]: 'counter',
    [`${prefix}_request_duration_seconds`]: 'histogram',
    [`${prefix}_cpu_usage_percent`]: 'gauge',
    [`${prefix}_memory_usage_bytes`]: 'gauge',
  };
}

/** The family a sample belongs to. */
export function familyOf(cubeId: string, sampleName: string): string {
  const families = familiesOf(cubeId);
  const whole = sampleName.replace(/_(bucket|sum|count)$/, '');
  return families[whole] === 'histogram' ? whole : sampleName;
}

function isOfEveryCube(cubeId: string, sampleName: string): boolean {
  return familyOf(cubeId, sampleName) in familiesOf(cubeId);
}
