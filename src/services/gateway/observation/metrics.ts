import type { Side } from '../../../domain/side.js';
import type { UnavailableReason } from '../../../upstream/upstream.js';
import type { Route } from '../routing/routes.js';

/** Upper bounds of the duration histograms, seconds: dense where a ramp compares the two sides. */
const bounds = [
  ...[0.001, 0.002, 0.0035, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.035, 0.05, 0.075],
  ...[0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30],
] as const;
const highestStatus = 600;

/** Why legacy serves a request for the cube: the cube was unavailable, or a failed attempt is repeated. */
export type FallbackReason = UnavailableReason | 'repeated';

/** A histogram in numbers only: observing allocates nothing. */
class Histogram {
  private readonly counts = new Float64Array(bounds.length + 1);
  private sum = 0;

  observe(seconds: number): void {
    let index = 0;
    while (index < bounds.length && seconds > (bounds[index] ?? 0)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
  }

  lines(name: string, labels: string): readonly string[] {
    const lines: string[] = [];
    const comma = labels === '' ? '' : `${labels},`;
    let below = 0;
    for (const [index, count] of this.counts.entries()) {
      below += count;
      lines.push(`${name}_bucket{${comma}le="${bounds[index] ?? '+Inf'}"} ${below}`);
    }
    const braces = labels === '' ? '' : `{${labels}}`;
    lines.push(`${name}_sum${braces} ${this.sum}`, `${name}_count${braces} ${below}`);
    return lines;
  }
}

/** The responses of one side of one cube, as clients saw them. */
export class UpstreamSeries {
  private readonly statuses = new Float64Array(highestStatus);
  private readonly durations = new Histogram();

  constructor(private readonly labels: string) {}

  count(status: number, seconds: number): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    this.durations.observe(seconds);
  }

  statusLines(): readonly string[] {
    return countLines('gateway_upstream_requests_total', this.labels, this.statuses);
  }

  durationLines(): readonly string[] {
    return this.durations.lines('gateway_upstream_duration_seconds', this.labels);
  }
}

/** Methods with their own label; all others share one, so that clients cannot create series. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type CountedMethod = (typeof methods)[number] | 'other';

/** The four metrics of every cube, and those by upstream; the counters exist before the first request. */
export class GatewayMetrics {
  private readonly upstreams = new Map<string, Readonly<Record<Side, UpstreamSeries>>>();
  private readonly endpoints = new Map<string, Map<CountedMethod, Float64Array>>();
  private readonly durations = new Histogram();
  private readonly fallbacks = new Map<string, number>();
  private last = { usage: process.cpuUsage(), at: performance.now() };

  constructor(routes: readonly Route[]) {
    for (const { label, endpoint } of routes) {
      this.endpoints.set(endpoint, new Map());
      if (this.upstreams.has(label)) continue;
      this.upstreams.set(label, {
        cube: new UpstreamSeries(`cube="${label}",target="cube"`),
        legacy: new UpstreamSeries(`cube="${label}",target="legacy"`),
      });
    }
  }

  seriesOf(route: Route, side: Side): UpstreamSeries {
    const series = this.upstreams.get(route.label)?.[side];
    if (series === undefined) throw new Error(`no series for ${route.label}`);
    return series;
  }

  /** Counts an answered request. `endpoint` is a pattern, never a URL. */
  count(method: string, endpoint: string, status: number, seconds: number): void {
    const counted = methods.find((known) => known === method) ?? 'other';
    let byMethod = this.endpoints.get(endpoint);
    if (byMethod === undefined) {
      byMethod = new Map();
      this.endpoints.set(endpoint, byMethod);
    }
    let statuses = byMethod.get(counted);
    if (statuses === undefined) {
      statuses = new Float64Array(highestStatus);
      byMethod.set(counted, statuses);
    }
    statuses[status] = (statuses[status] ?? 0) + 1;
    this.durations.observe(seconds);
  }

  /** Counts a request for the cube that legacy serves instead. */
  countFallback(label: string, reason: FallbackReason): void {
    const labels = `cube="${label}",reason="${reason}"`;
    this.fallbacks.set(labels, (this.fallbacks.get(labels) ?? 0) + 1);
  }

  render(): string {
    const now = { usage: process.cpuUsage(), at: performance.now() };
    const busyMicros = now.usage.user + now.usage.system - this.last.usage.user - this.last.usage.system;
    const percent = now.at > this.last.at ? busyMicros / 10 / (now.at - this.last.at) : 0;
    this.last = now;
    const series = [...this.upstreams.values()].flatMap((sides) => [sides.cube, sides.legacy]);
    return [
      family('gateway_upstream_requests_total', 'counter', 'Requests by the side that answered, as clients saw it'),
      ...series.flatMap((one) => one.statusLines()),
      family('gateway_upstream_duration_seconds', 'histogram', 'Time to the whole answer'),
      ...series.flatMap((one) => one.durationLines()),
      family('gateway_fallbacks_total', 'counter', 'Requests meant for the cube that legacy served'),
      ...[...this.fallbacks].map(([labels, count]) => `gateway_fallbacks_total{${labels}} ${count}`),
      family('api_gateway_cube_requests_total', 'counter', 'Requests answered'),
      ...[...this.endpoints].flatMap(([endpoint, byMethod]) =>
        [...byMethod].flatMap(([method, statuses]) =>
          countLines('api_gateway_cube_requests_total', `method="${method}",endpoint="${endpoint}"`, statuses),
        ),
      ),
      family('api_gateway_cube_request_duration_seconds', 'histogram', 'Time to answer'),
      ...this.durations.lines('api_gateway_cube_request_duration_seconds', ''),
      family(
        'api_gateway_cube_cpu_usage_percent',
        'gauge',
        'CPU of this process since the last scrape, 100 is one core',
      ),
      `api_gateway_cube_cpu_usage_percent ${percent}`,
      family('api_gateway_cube_memory_usage_bytes', 'gauge', 'Resident memory of this process'),
      `api_gateway_cube_memory_usage_bytes ${process.memoryUsage.rss()}`,
      '',
    ].join('\n');
  }
}

/** The lines before the values of a metric in Prometheus' text format. */
export function family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}`;
}

function countLines(name: string, labels: string, statuses: Float64Array): readonly string[] {
  const lines: string[] = [];
  for (const [status, count] of statuses.entries()) {
    if (count > 0) lines.push(`${name}{${labels},status="${status}"} ${count}`);
  }
  return lines;
}
