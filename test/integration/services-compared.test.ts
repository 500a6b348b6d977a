import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { legacyModels } from '../../legacy/ai-models/manifest.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { readMetrics } from '../../src/domain/models/metrics.js';
import { readTestSet } from '../../src/domain/models/test-set.js';
import { compareVersions } from '../../src/kinds/ai-models/compare/compare-versions.js';
import { inTransaction } from '../../src/postgres/connect.js';
import { activateVersion, rollBackVersion } from '../../src/postgres/models/activate-version.js';
import { type AiServices, heldOutRows, startAiServices } from '../support/ai-services.js';
import { until } from '../support/conditions.js';
import { testSecret } from '../support/engine.js';

/** The comparison between the stand-in's AI service and the AI cube as they are, and what follows from it. */
let services: AiServices;
beforeAll(async () => {
  services = await startAiServices();
});
afterAll(() => services.close());

const token = (secret = testSecret) =>
  issueCubeToken(secret, { cubeId: 'bulk-worker', permissions: ['ai:call'] }, new Date()).token;

async function compared(name: string, versionId: string, more: { secret?: string; legacyUrl?: string } = {}) {
  const model = legacyModels().find(({ row }) => row.name === name)?.row ?? expect.fail(`no model ${name}`);
  const metrics = readMetrics(model.metrics);
  if ('missing' in metrics) throw new Error(metrics.missing);
  const testSet = readTestSet(readFileSync(join(services.folder, metrics.testSet), 'utf8'));
  if ('missing' in testSet) throw new Error(testSet.missing);
  return compareVersions({
    legacyUrl: more.legacyUrl ?? services.urls.legacy,
    cubeUrl: services.urls.cube,
    name,
    versionId,
    token: () => token(more.secret),
    testSet,
    metrics,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

test.each([
  'korean-documents',
  'friedman-boosting',
  'visit-no-show',
  'wine-one-by-one',
  'digits-external',
  'long-numbers',
])('%s answers in the cube as in legacy, before it is active', async (name) => {
  const found = await compared(name, await services.move(name, { state: 'imported' }));
  expect(found).toMatchObject({ decision: 'activate', agreement: 1, detail: null });
  for (const { p50, p95, p99, throughput } of [found.legacy, found.cube]) {
    expect(p50).toBeGreaterThan(0);
    expect(p95).toBeGreaterThanOrEqual(p50 ?? 0);
    expect(p99).toBeGreaterThanOrEqual(p95 ?? 0);
    expect(throughput).toBeGreaterThan(0);
  }
});

test('a number that is not finite is found through both services', async () => {
  const id = await services.move('answers-infinity-once', { state: 'imported' });
  expect(await compared('answers-infinity-once', id)).toMatchObject({ decision: 'output_not_finite' });
});

test('a version that the cube does not have, and rows that are another model’s, are no evidence', async () => {
  expect(await compared('korean-documents', '999999')).toMatchObject({
    decision: 'evidence_missing',
    detail: 'The AI cube answers 404 to rows of the test set.',
  });
});

test('a token that the cube refuses, and a service that is away, are no verdict', async () => {
  const id = await services.move('sound', { state: 'imported' });
  await expect(compared('sound', id, { secret: 'another secret, of thirty-two bytes at least' })).rejects.toMatchObject(
    {
      type: 'upstream_failed',
      retryable: true,
    },
  );
  await expect(compared('sound', id, { legacyUrl: 'http://127.0.0.1:9' })).rejects.toMatchObject({
    type: 'upstream_unavailable',
    retryable: true,
  });
});

test('the cube follows an activation and a rollback within two seconds each', async () => {
  const { cube } = services.databases;
  await services.move('tumour-forest');
  // Made from another file than legacy's row names: with this one active the cube passes predictions on to legacy.
  const other = await services.move('tumour-forest', { state: 'imported', version: '9.9.9' });
  const comparison = await compared('tumour-forest', other);
  await cube.query('update ai.model_versions set comparison = $2 where id = $1', [other, JSON.stringify(comparison)]);
  expect(await predictedBy('tumour-forest')).toBe('cube');
  const within = async (what: string, side: 'cube' | 'legacy') => {
    const began = performance.now();
    await until(what, async () => (await predictedBy('tumour-forest')) === side);
    expect(performance.now() - began).toBeLessThan(2500);
  };
  await inTransaction(cube, (client) => activateVersion(client, 'tumour-forest', other));
  await within('the other version', 'legacy');
  await inTransaction(cube, (client) => rollBackVersion(client, 'tumour-forest'));
  await within('the version before', 'cube');
});

/** Which side computes a prediction that the cube is called for. */
async function predictedBy(name: string): Promise<'cube' | 'legacy' | undefined> {
  const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' };
  const count = async (side: string) => {
    const { body } = await services.cube.inject({ url: '/metrics', headers: { authorization: headers.authorization } });
    const series = `ai_cube_predictions_total{model="${name}",by="${side}",status="200"}`;
    return Number(
      body
        .split('\n')
        .find((line) => line.startsWith(series))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  };
  const [cube, legacy] = [await count('cube'), await count('legacy')];
  const [row] = heldOutRows(services, name);
  const answer = await fetch(`${services.urls.cube}/models/${name}/predict`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ inputs: [row?.inputs] }),
  });
  expect(answer.status).toBe(200);
  await answer.text();
  if ((await count('cube')) > cube) return 'cube';
  return (await count('legacy')) > legacy ? 'legacy' : undefined;
}
