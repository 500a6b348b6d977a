import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Further metrics of a service, collected for each scrape. */
export interface MoreMetrics {
  /** Sets metrics of the registry. */
  readonly collect?: (registry: Registry) => Promise<void>;
  /** Further metrics as text; no family may be in the registry too. */
  readonly text?: () => Promise<string>;
  /** The responses of `GET /metrics` when these cannot be collected, for its schema. */
  readonly problems?: Readonly<Record<number, object>>;
}

/** The four metrics of every service, named after its cube id, and `GET /metrics`. */
export function registerMetrics(app: FastifyInstance, cubeId: string, more: MoreMetrics = {}): void {
  const prefix = cubeId.replaceAll('-', '_');
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: `${prefix}_requests_total`,
    help: 'Requests answered',
    labelNames: ['method', 'endpoint', 'status'],
    registers,
  });
  const durations = new Histogram({ name: `${prefix}_request_duration_seconds`, help: 'Time to answer', registers });
  const cpu = new Gauge({
    name: `${prefix}_cpu_usage_percent`,
    help: 'CPU of this process since the last scrape, 100 is one core',
    registers,
  });
  const memory = new Gauge({
    name: `${prefix}_memory_usage_bytes`,
    help: 'Resident memory of this process',
    registers,
  });
  let last = { usage: process.cpuUsage(), at: performance.now() };

  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern, never the raw URL: ids would make a series each.
    requests.inc({ method: request.method, endpoint: request.routeOptions.url ?? 'unknown', status: reply.statusCode });
    durations.observe(reply.elapsedTime / 1000);
  });
  const answer = {
    description: 'Text in the format of Prometheus.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  };
  const schema = {
    operationId: 'getMetrics',
    tags: ['service'],
    summary: 'Metrics in the text format of Prometheus',
    response: { 200: answer, ...more.problems },
  };
  app.get('/metrics', { schema }, async (_request, reply) => {
    const now = { usage: process.cpuUsage(), at: performance.now() };
    const busyMicros = now.usage.user + now.usage.system - last.usage.user - last.usage.system;
    cpu.set(now.at > last.at ? busyMicros / 10 / (now.at - last.at) : 0);
    last = now;
    memory.set(process.memoryUsage.rss());
    await more.collect?.(registry);
    const [own, others = ''] = await Promise.all([registry.metrics(), more.text?.()]);
    return reply.type(registry.contentType).send(own + others);
  });
}
