/** One line of Prometheus' text format. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsText {
  readonly samples: readonly MetricSample[];
  /** The families that are declared, also those without a sample yet. */
  readonly families: ReadonlySet<string>;
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus' text format 0.0.4. Lines that are none are passed over: a gateway may tell more than is known here. */
export function readMetricsText(text: string): MetricsText {
  const samples: MetricSample[] = [];
  const families = new Set<string>();
  for (const raw of text.split('\n')) {
    const trimmed = raw.trim();
    const [, declared] = /^# TYPE (\S+)/.exec(trimmed) ?? [];
    if (declared !== undefined) families.add(declared);
    const [, name, labels = '', value = ''] = trimmed.startsWith('#') ? [] : (line.exec(trimmed) ?? []);
    if (name === undefined || !Number.isFinite(Number(value))) continue;
    samples.push({
      name,
      labels: Object.fromEntries([...labels.matchAll(label)].map(([, key = '', text = '']) => [key, unescaped(text)])),
      value: Number(value),
    });
  }
  return { samples, families };
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
