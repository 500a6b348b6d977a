import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { rampSeries } from '../../src/domain/traffic/ramp/counters.js';
import { readSignals } from '../../src/traffic/signals.js';
import { PrometheusServer, sendError, sendJson } from '../support/prometheus-server.js';

/** What a ramp reads of its gateways through a Prometheus, over HTTP, as that answers whatever its state is. */
let prometheus: PrometheusServer;
const look = () => readSignals({ prometheusUrl: prometheus.url, token: () => '' }, 'saju', []);

beforeAll(async () => {
  prometheus = await PrometheusServer.start();
});
beforeEach(() => prometheus.clear());
afterAll(() => prometheus.stop());

/** As a gateway tells it; series of other cubes and of no ramp are there too. */
function told(users: number, more: readonly string[] = []): string {
  return [
    '# TYPE gateway_window_users_total counter',
    `gateway_window_users_total{cube="saju",target="cube"} ${users}`,
    'gateway_window_users_total{cube="ai",target="cube"} 77',
    'gateway_upstream_requests_total{cube="saju",target="cube",status="200"} 12',
    'gateway_upstream_duration_seconds_bucket{cube="saju",target="cube",le="+Inf"} 12',
    'gateway_shadow_mismatched_total{cube="saju",route="/api/saju/records/:id",field="body.hour_pillar"} 3',
    'gateway_traffic_weight{cube="saju"} 50',
    ...more,
    '',
  ].join('\n');
}
const counted = (users: number) => [
  ['gateway_window_users_total', ['cube'], users],
  ['gateway_upstream_requests_total', ['cube', '200'], 12],
  ['gateway_upstream_duration_seconds_bucket', ['cube', '+Inf'], 12],
  ['gateway_shadow_mismatched_total', ['/api/saju/records/:id', 'body.hour_pillar'], 3],
];

test('the newest counters of each gateway, of the cube alone, by one query', async () => {
  prometheus.scrape('gateway-1:8088', told(5), 30);
  prometheus.scrape('gateway-1:8088', told(9), 15);
  prometheus.scrape('gateway-2:8088', told(2), 1);
  expect(await look()).toEqual({
    snapshot: { 'gateway-1:8088': counted(9), 'gateway-2:8088': counted(2) },
    missing: null,
  });
  const names = Object.keys(rampSeries).join('|');
  expect(prometheus.queries).toEqual([`{__name__=~"${names}",cube="saju"}[60s]`]);
});

test('a gateway that started again appears with its new, smaller counters', async () => {
  prometheus.scrape('gateway-1:8088', told(500), 20);
  prometheus.scrape('gateway-1:8088', told(1), 5);
  expect((await look()).snapshot).toEqual({ 'gateway-1:8088': counted(1) });
});

test('a gateway that was last scraped more than a minute ago is not there', async () => {
  prometheus.scrape('gone:8088', told(9), 61);
  prometheus.scrape('gateway-1:8088', told(3), 59);
  expect((await look()).snapshot).toEqual({ 'gateway-1:8088': counted(3) });
});

test('a Prometheus that has nothing, or nothing of this cube, says so: nothing is proof of nothing', async () => {
  const missing = 'Prometheus has no fresh series of saju.';
  expect(await look()).toEqual({ snapshot: {}, missing });
  prometheus.scrape('gateway-1:8088', 'gateway_window_users_total{cube="ai",target="cube"} 7\n');
  expect(await look()).toEqual({ snapshot: {}, missing });
});

test('a sample that is no number is left out, a zero counts as nothing', async () => {
  prometheus.scrape('gateway-1:8088', told(6, ['gateway_window_requests_total{cube="saju",target="cube"} 0']), 10);
  const metric = { cube: 'saju', target: 'cube', instance: 'gateway-1:8088', job: 'cubes' };
  for (const [target, value] of [
    ['cube', 'NaN'],
    ['legacy', '+Inf'],
  ] as const)
    prometheus.add({ ...metric, __name__: 'gateway_window_failed_users_total', target }, value);
  expect(await look()).toEqual({ snapshot: { 'gateway-1:8088': counted(6) }, missing: null });
});

test('series that carry native histograms, or no instance, do no harm', async () => {
  prometheus.scrape('gateway-1:8088', told(4));
  const histogram = { count: '12', sum: '0.3', buckets: [[0, '0', '0.1', '12']] };
  prometheus.more.push(
    {
      metric: { __name__: 'gateway_upstream_duration_seconds_bucket', cube: 'saju', instance: 'gateway-1:8088' },
      histograms: [[Date.now() / 1000, histogram]],
    },
    { metric: { __name__: 'gateway_window_users_total', cube: 'saju', target: 'cube' }, values: [[1, '8']] },
  );
  expect(await look()).toEqual({
    snapshot: { 'gateway-1:8088': counted(4), '': [['gateway_window_users_total', ['cube'], 8]] },
    missing: null,
  });
});

test('an answer with a warning is not whole, and no proof', async () => {
  prometheus.scrape('gateway-1:8088', told(4));
  prometheus.warnings = ['remote_read: remote server http://thanos:9090 returned 503'];
  expect(await look()).toEqual({
    snapshot: { 'gateway-1:8088': counted(4) },
    missing: 'Prometheus warns that its answer is not whole.',
  });
});

test.each<[string, number, NonNullable<PrometheusServer['instead']>]>([
  ['a query it cannot read', 400, (res) => sendError(res, 400, 'bad_data', 'invalid parameter "query"')],
  [
    'a query that takes too long',
    503,
    (res) => sendError(res, 503, 'timeout', 'query timed out in expression evaluation'),
  ],
  ['too many samples', 422, (res) => sendError(res, 422, 'execution', 'query processing would load too many samples')],
  ['its start', 503, (res) => void res.writeHead(503).end('Service Unavailable')],
  ['another server', 200, (res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')],
  ['half an answer', 200, (res) => void res.end('{"status":"success","data":{"resultType":"matrix","result":[')],
  [
    'a scalar',
    200,
    (res) => sendJson(res, 200, { status: 'success', data: { resultType: 'scalar', result: [1, '1'] } }),
  ],
  ['a vector', 200, (res) => sendJson(res, 200, { status: 'success', data: { resultType: 'vector', result: [] } })],
  ['null', 200, (res) => sendJson(res, 200, null)],
  [
    'series that are none',
    200,
    (res) => sendJson(res, 200, { data: { resultType: 'matrix', result: [null, { values: 1 }] } }),
  ],
  ['a redirect', 302, (res) => void res.writeHead(302, { location: '/elsewhere' }).end()],
])('%s is missing metrics, and nothing worse', async (_what, status, instead) => {
  prometheus.scrape('gateway-1:8088', told(4));
  prometheus.instead = instead;
  expect(await look()).toEqual({ snapshot: {}, missing: `Prometheus answered ${status} and no series.` });
});

test('one that breaks off, and one that is not there, did not answer', async () => {
  prometheus.instead = (response) => response.destroy();
  const missing = 'Prometheus did not answer.';
  expect(await look()).toEqual({ snapshot: {}, missing });
  const nobody = { prometheusUrl: 'http://127.0.0.1:1', token: () => '' };
  expect(await readSignals(nobody, 'saju', [])).toEqual({ snapshot: {}, missing });
});
