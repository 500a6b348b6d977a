import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { Failure } from '../../../../../src/base/failures.js';
import type { ModelMetrics } from '../../../../../src/domain/models/metrics.js';
import { readTestSet, type TestRow } from '../../../../../src/domain/models/test-set.js';
import { type ComparedVersion, compareVersions } from '../../../../../src/kinds/ai-models/compare/compare-versions.js';

/** A service that answers with the sign of each row's number, except as the test wants it. */
interface Behaviour {
  readonly output?: (input: number, index: number) => unknown;
  readonly status?: number;
  /** No service of models: it has none of their routes. */
  readonly isAnother?: boolean;
  readonly version?: () => string;
  readonly body?: (answer: string) => string;
  readonly delayMillis?: (rows: number) => number;
}

interface Received {
  readonly side: string;
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly rows: number;
  readonly bytes: number;
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function service(side: string, received: Received[], behaviour: Behaviour = {}): Promise<string> {
  const { output = (input) => (input < 0 ? 'below' : 'above'), status = 200, body = (text) => text } = behaviour;
  const server = createServer(async (request, response) => {
    if (request.method === 'GET' || behaviour.isAnother === true) {
      response.writeHead(behaviour.isAnother === true ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ items: [], next_cursor: null }));
      return;
    }
    const text = await textOf(request);
    const { inputs } = JSON.parse(text);
    const { url: path, headers } = request;
    received.push({ side, path, authorization: headers.authorization, rows: inputs.length, bytes: text.length });
    await sleep(behaviour.delayMillis?.(inputs.length) ?? 0);
    const version = behaviour.version?.() ?? '1.0.0';
    const outputs = inputs.map(({ x }: { x: number }, index: number) => ({ sign: output(x, index) }));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body(JSON.stringify({ model: 'signs', version, outputs })));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const metrics: ModelMetrics = {
  task: 'classifier',
  output: 'sign',
  testSet: 'tests/signs.jsonl',
  testSha256: 'a'.repeat(64),
  tolerance: { absolute: 1e-5, relative: 1e-5 },
};

function testRows(n: number): TestRow[] {
  return Array.from({ length: n }, (_, row) => ({ inputs: { x: row - 10 }, label: row < 10 ? 'below' : 'above' }));
}

async function compared(legacy: Behaviour, cube: Behaviour, options: Partial<ComparedVersion> = {}) {
  const received: Received[] = [];
  const comparison = await compareVersions({
    legacyUrl: await service('legacy', received, legacy),
    cubeUrl: await service('cube', received, cube),
    name: 'signs/한글',
    versionId: '17',
    token: () => 'a-token',
    testSet: testRows(100),
    metrics,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...options,
  });
  return { comparison, received };
}

describe('a comparison over HTTP', () => {
  test('is tried again where an address leads to another service, and says which', async () => {
    await expect(compared({ isAnother: true }, {})).rejects.toMatchObject({
      type: 'upstream_failed',
      retryable: true,
      message: 'The AI service of legacy answers 404 also to its list of models: its address leads to another service.',
      hint: expect.stringContaining('LEGACY_AI_URL'),
    });
    await expect(compared({}, { isAnother: true })).rejects.toMatchObject({
      type: 'upstream_failed',
      message: expect.stringContaining('The AI cube answers 404 also to its list of models'),
    });
    const { comparison } = await compared({ status: 404 }, {});
    expect(comparison).toMatchObject({ decision: 'evidence_missing' });
  });

  test('has both services predict the same rows in turn, and the version of the cube by its id with a token', async () => {
    const { comparison, received } = await compared({}, {});
    expect(comparison).toMatchObject({
      decision: 'activate',
      n: 100,
      b: 0,
      c: 0,
      limit: 0.05,
      legacy: { accuracy: 1 },
      cube: { accuracy: 1 },
      test_sha256: metrics.testSha256,
      detail: null,
    });
    for (const side of ['legacy', 'cube'] as const) {
      const { p50, p95, p99, throughput } = comparison[side];
      expect(throughput).toBeGreaterThan(0);
      expect(p50).toBeGreaterThan(0);
      expect(p95).toBeGreaterThanOrEqual(p50 ?? 0);
      expect(p99).toBeGreaterThanOrEqual(p95 ?? 0);
    }
    const name = 'signs%2F%ED%95%9C%EA%B8%80';
    const ofSide = (side: string) => received.filter((one) => one.side === side);
    expect(new Set(ofSide('legacy').map(({ path }) => path))).toEqual(new Set([`/models/${name}/predict`]));
    expect(new Set(ofSide('cube').map(({ path }) => path))).toEqual(new Set([`/models/${name}/versions/17/predict`]));
    expect(new Set(ofSide('cube').map(({ authorization }) => authorization))).toEqual(new Set(['Bearer a-token']));
    expect(new Set(ofSide('legacy').map(({ authorization }) => authorization))).toEqual(new Set([undefined]));
    // Warm: a batch and a row before any that count; then the batch, then 100 rows one by one.
    expect(ofSide('legacy').map(({ rows }) => rows)).toEqual([100, 1, 100, ...Array(100).fill(1)]);
    expect(ofSide('cube').map(({ rows }) => rows)).toEqual(ofSide('legacy').map(({ rows }) => rows));
    const order = received.map(({ side }) => side);
    expect(order.slice(0, 8)).toEqual(['legacy', 'cube', 'cube', 'legacy', 'legacy', 'cube', 'cube', 'legacy']);
  });

  test('finds the version that is worse, and says by how much', async () => {
    const { comparison } = await compared({}, { output: (x) => (x < 15 ? 'below' : 'above') });
    expect(comparison).toMatchObject({ decision: 'accuracy_dropped', b: 15, c: 0, cube: { accuracy: 0.85 } });
  });

  test('finds numbers that are not finite, which JSON holds as null', async () => {
    const { comparison } = await compared({}, { output: (x) => (x === 3 ? null : 'above') });
    expect(comparison).toMatchObject({ decision: 'output_not_finite', detail: null });
  });

  test('measures each side by itself', async () => {
    const slow = (rows: number) => (rows === 1 ? 4 : 40);
    const { comparison } = await compared({}, { delayMillis: slow }, { testSet: testRows(60) });
    expect(comparison.cube.p50).toBeGreaterThan((comparison.legacy.p50 ?? 0) + 2);
    expect(comparison.cube.throughput).toBeLessThan(comparison.legacy.throughput ?? 0);
  });

  test('sends requests of a bounded size, and every row once', async () => {
    const long = { inputs: { x: 1, text: 'x'.repeat(3_000_000) }, label: 'above' };
    const testSet = [...testRows(600), long, ...testRows(20), long];
    const { comparison, received } = await compared({}, {}, { testSet });
    expect(comparison).toMatchObject({ n: 622, decision: 'activate' });
    const batches = received.filter(({ side }) => side === 'legacy').map(({ rows }) => rows);
    expect(batches.slice(0, 8)).toEqual([256, 1, 256, 256, 88, 1, 20, 1]);
    expect(Math.max(...received.map(({ bytes }) => bytes))).toBeLessThan(3_100_000);
  });

  test('of no row has no evidence', async () => {
    const { comparison, received } = await compared({}, {}, { testSet: [] });
    expect(comparison).toMatchObject({ decision: 'evidence_missing', n: 0, rows_needed: 73, cube: { p50: null } });
    expect(received).toEqual([]);
  });

  test('of rows that a side refuses has no evidence, and says which side', async () => {
    const legacy = await compared({ status: 422 }, {});
    expect(legacy.comparison).toMatchObject({
      decision: 'evidence_missing',
      rows_needed: null,
      detail: 'The AI service of legacy answers 422 to rows of the test set.',
    });
    const cube = await compared({}, { status: 400 });
    expect(cube.comparison.detail).toBe('The AI cube answers 400 to rows of the test set.');
  });
});

describe('a service that is away is no verdict on the version', () => {
  const failure = async (work: Promise<unknown>): Promise<Failure> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Failure);
    return error as Failure;
  };

  test.each([
    [500, 'upstream_unavailable'],
    [503, 'upstream_unavailable'],
    [429, 'upstream_unavailable'],
    [302, 'upstream_unavailable'],
    [401, 'upstream_failed'],
    [403, 'upstream_failed'],
  ] as const)('when it answers %i', async (status, type) => {
    for (const [legacy, cube] of [
      [{ status }, {}],
      [{}, { status }],
    ] as const)
      expect(await failure(compared(legacy, cube))).toMatchObject({ type, retryable: true });
  });

  test('when nothing listens there', async () => {
    const cubeUrl = 'http://127.0.0.1:9';
    expect(await failure(compared({}, {}, { cubeUrl }))).toMatchObject({
      type: 'upstream_unavailable',
      message: 'The AI cube gave no complete answer.',
    });
  });

  test.each([
    ['no JSON', () => 'hello'],
    ['half an answer', (answer: string) => answer.slice(0, answer.length / 2)],
    ['fewer rows', () => JSON.stringify({ model: 'signs', version: '1', outputs: [{}] })],
    ['rows that are no objects', (answer: string) => answer.replaceAll(/\{"sign":("\w+")\}/g, '$1')],
  ])('when it answers %s', async (_what, body) => {
    expect(await failure(compared({}, { body }))).toMatchObject({ type: 'upstream_failed', retryable: true });
  });

  test('when it is replaced by another version in between', async () => {
    let requests = 0;
    const version = () => (++requests > 3 ? '2.0.0' : '1.0.0');
    expect(await failure(compared({ version }, {}))).toMatchObject({
      type: 'upstream_failed',
      message: 'While it was compared, the AI service of legacy began to answer from another version.',
    });
  });

  test('and a comparison that is stopped ends at once', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const began = performance.now();
    await expect(compared({ delayMillis: () => 20_000 }, {}, { signal: stop.signal })).rejects.toThrow(/abort/i);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

test('a test set is read line by line, and says which line is wrong', () => {
  expect(readTestSet('{"inputs":{"x":1},"label":"a"}\n\n{"inputs":[2],"label":null}\n')).toEqual([
    { inputs: { x: 1 }, label: 'a' },
    { inputs: [2], label: null },
  ]);
  for (const line of ['{', '[]', '{"inputs":1}', '7'])
    expect(readTestSet(`{"inputs":1,"label":2}\n${line}`)).toEqual({
      missing: 'Line 2 of the test set is no {"inputs", "label"}.',
    });
});
