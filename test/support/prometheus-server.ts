import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readMetricsText } from '../../src/metrics/metrics-text.js';

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds since 1970, and the value as Prometheus writes it. */
  readonly values: [number, string][];
}

/**
 * What a ramp needs of Prometheus' API: `POST /api/v1/query` of one range selector, answered in the words of Prometheus 3. It
 * scrapes by being given what an instance tells.
 */
export class PrometheusServer {
  readonly queries: string[] = [];
  /** Answers instead of the series, when set. */
  instead: ((response: ServerResponse) => void) | undefined;
  warnings: readonly string[] = [];
  /** In the answer as they are. */
  readonly more: unknown[] = [];
  private readonly series = new Map<string, Series>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => void this.answer(request, response));
  }

  static async start(): Promise<PrometheusServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PrometheusServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  clear(): void {
    this.series.clear();
    this.queries.length = 0;
    this.more.length = 0;
    this.warnings = [];
    this.instead = undefined;
  }

  /** Takes what an instance told so many seconds ago. */
  scrape(instance: string, text: string, secondsAgo = 0): void {
    for (const { name, labels, value } of readMetricsText(text).samples)
      this.add({ __name__: name, ...labels, instance, job: 'cubes' }, String(value), secondsAgo);
  }

  /** One sample, its value as Prometheus writes it. */
  add(metric: Readonly<Record<string, string>>, value: string, secondsAgo = 0): void {
    const key = JSON.stringify(metric);
    const known: Series = this.series.get(key) ?? { metric, values: [] };
    known.values.push([Date.now() / 1000 - secondsAgo, value]);
    known.values.sort(([a], [b]) => a - b);
    this.series.set(key, known);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method !== 'POST' || request.url !== '/api/v1/query') return void response.writeHead(404).end();
    const form = request.headers['content-type'] === 'application/x-www-form-urlencoded';
    const query = form ? (new URLSearchParams(Buffer.concat(chunks).toString()).get('query') ?? '') : '';
    this.queries.push(query);
    if (this.instead !== undefined) return this.instead(response);
    const selector = /^\{__name__=~"([\w|]+)",cube="(\w+)"\}\[(\d+)s\]$/.exec(query);
    if (selector === null) return sendError(response, 400, 'bad_data', 'invalid parameter "query": parse error');
    const [, names = '', cube, seconds] = selector;
    const now = Date.now() / 1000;
    const result = [...this.series.values()].flatMap(({ metric, values }) => {
      const fresh = values.filter(([at]) => at > now - Number(seconds) && at <= now);
      const wanted = new RegExp(`^(?:${names})$`).test(metric.__name__ ?? '') && metric.cube === cube;
      return wanted && fresh.length > 0 ? [{ metric, values: fresh }] : [];
    });
    sendJson(response, 200, {
      status: 'success',
      data: { resultType: 'matrix', result: [...result, ...this.more] },
      ...(this.warnings.length === 0 ? {} : { warnings: this.warnings }),
    });
  }
}

export function sendError(response: ServerResponse, status: number, errorType: string, error: string): void {
  sendJson(response, status, { status: 'error', errorType, error });
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
