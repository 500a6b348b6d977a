import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layOutModels } from '../../legacy/ai-models/lay-out.js';
import { legacyModels, modelFiles } from '../../legacy/ai-models/manifest.js';
import type { Comparison } from '../../src/domain/models/comparison/comparison.js';
import { isFaster } from '../../src/domain/models/comparison/speed.js';
import { readMetrics } from '../../src/domain/models/metrics.js';
import { readTestSet } from '../../src/domain/models/test-set.js';
import { compareForms } from '../../src/kinds/ai-models/compare/compare-forms.js';
import { compareVersions } from '../../src/kinds/ai-models/compare/compare-versions.js';
import { type ModelProcess, startModelProcess } from '../../src/models/model-process.js';

/**
 * The decisions on the stand-in's models, over HTTP between two processes with the real runtime: those of the committed list, which
 * another program has computed in another language.
 */
interface Listed {
  readonly outcome: string;
  readonly comparison?: {
    readonly n: number;
    readonly b?: number;
    readonly c?: number;
    readonly difference?: number | null;
    readonly bound?: number | null;
    readonly rows_needed?: number | null;
    readonly agreement?: number;
  };
  readonly int8?: Listed;
  readonly after?: Listed;
}
const expected: Readonly<Record<string, Listed>> = JSON.parse(
  readFileSync(join(modelFiles(), 'expected.json'), 'utf8'),
);

/** Predicts with whatever file is loaded under the name in the path, as the services do. */
class Side {
  private constructor(
    private readonly server: Server,
    private readonly process: ModelProcess,
  ) {}

  static async start(): Promise<Side> {
    const process = startModelProcess({ maxResidentBytes: 2 * 1024 ** 3, loadMillis: 60_000, runMillis: 60_000 });
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { inputs } = JSON.parse(Buffer.concat(chunks).toString());
      // `/models/NAME/predict` or `/models/NAME/versions/ID/predict`
      const [, , name = '', , id] = request.url?.split('/') ?? [];
      const key = [name, ...(id === undefined ? [] : [id])].map(decodeURIComponent).join(' ');
      const outputs = await process.predict(key, inputs);
      response.end(JSON.stringify({ model: key, version: '1', outputs }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Side(server, process);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async load(key: string, file: string): Promise<void> {
    expect(await this.process.load(key, file)).toHaveProperty('graph');
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.process.close();
  }
}

let root: string;
let folder: string;
let legacy: Side;
let cube: Side;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cubeshift-model-comparisons-'));
  folder = layOutModels(root);
  [legacy, cube] = [await Side.start(), await Side.start()];
});
afterAll(async () => {
  await Promise.all([legacy?.stop(), cube?.stop()]);
  rmSync(root, { recursive: true, force: true });
});

async function compared(
  { row, loaded }: ReturnType<typeof legacyModels>[number],
  { artifact = row.artifact_path, testSet }: { artifact?: string; testSet?: string | undefined } = {},
): Promise<Comparison> {
  const metrics = readMetrics(row.metrics);
  if ('missing' in metrics) throw new Error(metrics.missing);
  const rows = readTestSet(readFileSync(join(folder, testSet ?? metrics.testSet), 'utf8'));
  if ('missing' in rows) throw new Error(rows.missing);
  await legacy.load(row.name, loaded === undefined ? join(folder, row.artifact_path) : join(root, loaded.path));
  await cube.load(`${row.name} 1`, join(folder, artifact));
  return compareVersions({
    legacyUrl: legacy.url,
    cubeUrl: cube.url,
    name: row.name,
    versionId: '1',
    token: () => 'none is looked at',
    testSet: rows,
    metrics,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

/** On another kind of processor a row or two may fall on the other side. */
function expectListed(found: Comparison, { outcome, comparison }: Listed): void {
  expect(found.decision).toBe(outcome === 'active' ? 'activate' : outcome);
  const { n, b, c, difference, bound, agreement, rows_needed: needed } = comparison ?? {};
  if (n !== undefined) expect(found.n).toBe(n);
  if (b !== undefined) expect(Math.abs((found.b ?? Number.NaN) - b)).toBeLessThanOrEqual(2);
  if (c !== undefined) expect(Math.abs((found.c ?? Number.NaN) - c)).toBeLessThanOrEqual(2);
  const isExact = b === undefined || (found.b === b && found.c === c);
  if (!isExact) return;
  for (const [value, listed] of [
    [found.difference, difference],
    [found.bound, bound],
    [found.agreement, agreement],
  ] as const)
    if (typeof listed === 'number') expect(value).toBeCloseTo(listed, 6);
  if (typeof needed === 'number') expect(found.rows_needed).toBe(needed);
  expect(found.cube.throughput).toBeGreaterThan(0);
}

const compares = legacyModels().filter(({ row }) => {
  const listed = expected[row.name];
  return listed?.comparison !== undefined || row.name === 'answers-infinity-once';
});

describe('the decision on', () => {
  test('every model of the list that comes to a comparison is looked at', () => {
    expect(compares.length).toBeGreaterThan(18);
  });

  test.each(compares.map((model) => [model.row.name, model] as const))('%s', async (name, model) => {
    const listed = expected[name];
    if (listed === undefined) throw new Error(`${name} is not listed`);
    expectListed(await compared(model), listed);
    const { int8 } = model.row.metrics ?? {};
    if (listed.int8 !== undefined && int8 !== undefined)
      expectListed(await compared(model, { artifact: int8.artifact_path }), listed.int8);
    if (listed.after !== undefined)
      expectListed(await compared(model, { testSet: model.larger?.test_set }), listed.after);
  });
});

test('the int8 form of the larger model is faster in the cube than its float form', async () => {
  const model = compares.find(({ row }) => row.name === 'digits-reservoir')?.row ?? expect.fail('it is not there');
  const testSet = readTestSet(readFileSync(join(folder, model.metrics?.test_set ?? ''), 'utf8'));
  if ('missing' in testSet) throw new Error(testSet.missing);
  await cube.load(`${model.name} 1`, join(folder, model.artifact_path));
  await cube.load(`${model.name} 2`, join(folder, model.metrics?.int8?.artifact_path ?? ''));
  let requests = 0;
  const speed = await compareForms({
    cubeUrl: cube.url,
    name: model.name,
    floatVersionId: '1',
    int8VersionId: '2',
    token: () => 'none is looked at',
    testSet,
    signal: new AbortController().signal,
    onProgress: () => requests++,
  });
  expect(speed.pairs).toBe(requests);
  expect(isFaster(speed)).toBe(true);
});
