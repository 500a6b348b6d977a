import { afterEach, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { until } from '../support/conditions.js';
import {
  cubeSecret,
  metricsOf,
  sendJson,
  startGateway,
  type TestGateway,
  TestUpstream,
  tokenOf,
} from '../support/gateway.js';

/** The comparison of both sides, as clients, upstreams and operators meet it. */
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

type Answer = Parameters<typeof TestUpstream.start>[1];

async function start(legacyAnswer: Answer, cubeAnswer: Answer, shadow = true) {
  const legacy = await TestUpstream.start('legacy', legacyAnswer);
  const cube = await TestUpstream.start('cube', cubeAnswer);
  const gateway = await startGateway({
    legacy: { saju: legacy.url },
    cubes: [['saju-cube', [cube.endpoint]]],
    shadow,
  });
  stops.push(
    () => legacy.stop(),
    () => cube.stop(),
    () => gateway.stop(),
  );
  return { legacy, cube, gateway };
}

const record: Answer = (_req, res) => sendJson(res, { id: 7, user_id: 'u', day_pillar: '갑자' });
const ask = (gateway: TestGateway, path = '/api/saju/records/7', init: RequestInit = {}) =>
  fetch(`${gateway.url}${path}`, { ...init, headers: { 'x-user-id': 'user-1', ...init.headers } });

/** The value of a series; 0 for one that is not there. */
async function counter(gateway: TestGateway, start: string): Promise<number> {
  const line = (await metricsOf(gateway)).split('\n').find((one) => one.startsWith(start));
  return Number(line?.split(' ').at(-1) ?? 0);
}

async function examples(gateway: TestGateway, permissions: readonly string[]) {
  const { token } = issueCubeToken(cubeSecret, { cubeId: 'test', permissions }, new Date());
  const response = await fetch(`${gateway.url}/_gateway/shadow`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as { items: Record<string, string>[] } };
}

const compared = 'gateway_shadow_compared_total{cube="saju",route="/api/saju/records/:id"}';
const wrongPillar =
  'gateway_shadow_mismatched_total{cube="saju",route="/api/saju/records/:id",field="body.day_pillar"}';

test('finds a wrong field of the cube at 0 %, and shows it only with records:read', async () => {
  const { gateway, legacy } = await start(record, (_req, res) =>
    sendJson(res, { id: 7, user_id: 'u', day_pillar: '을축' }),
  );
  const answer = await ask(gateway);
  expect(await answer.json()).toMatchObject({ day_pillar: '갑자' });
  expect(answer.headers.get('x-cube-target')).toBe('legacy');
  await until('the mismatch', async () => (await counter(gateway, wrongPillar)) === 1);
  expect(await counter(gateway, compared)).toBe(1);
  // The client's own, two legs, and one more look.
  expect(legacy.seen).toHaveLength(4);
  expect(legacy.seen.filter(({ headers }) => headers['x-cube-shadow'] === '1')).toHaveLength(3);
  // Clients' series know nothing of it.
  expect(await counter(gateway, 'gateway_upstream_requests_total{cube="saju",target="cube"')).toBe(0);
  expect(await counter(gateway, 'gateway_upstream_requests_total{cube="saju",target="legacy",status="200"}')).toBe(1);

  const [redacted] = (await examples(gateway, ['records:read'])).body.items;
  expect(redacted).toMatchObject({ field: 'body.day_pillar', legacy: 'string of 2', of_cube: 'string of 2' });
  expect((await examples(gateway, ['migration:read'])).status).toBe(403);
});

test('calls the cube as the gateway does, with the body of a calculation without saving', async () => {
  const { gateway, cube } = await start(record, record);
  const body = JSON.stringify({ user_id: 'u', birth_year: 1990, save: false });
  await (
    await ask(gateway, '/api/saju/calculate', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  ).text();
  await until('the leg', () => cube.seen.length === 1);
  expect(cube.seen[0]).toMatchObject({ method: 'POST', url: '/calculate', body });
  expect(cube.seen[0]?.headers).toMatchObject({ 'x-user-id': 'user-1', 'x-cube-token': expect.any(String) });
  await until(
    'the comparison',
    async () => (await counter(gateway, compared.replace('records/:id', 'calculate'))) === 1,
  );
});

test('never repeats a write at the other side', async () => {
  const { gateway, cube } = await start(record, record);
  const json = { 'content-type': 'application/json' };
  for (const [path, method, body] of [
    ['/api/saju/records/7', 'DELETE', undefined],
    ['/api/saju/records/7', 'PATCH', '{"interpretation":"x"}'],
    ['/api/saju/calculate', 'POST', '{"save":true}'],
    ['/api/saju/calculate', 'POST', '{}'],
    ['/api/saju/unknown', 'GET', undefined],
  ] as const)
    await (await ask(gateway, path, { method, headers: json, ...(body === undefined ? {} : { body }) })).text();
  // A reading one last: when it is compared, those before it would have been.
  await (await ask(gateway)).text();
  await until('the comparison', async () => (await counter(gateway, compared)) === 1);
  expect(cube.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /records/7']);
});

test('a cube that hangs or breaks off under comparison leaves clients untouched', async () => {
  let turn = 0;
  const { gateway, cube } = await start(record, (_req, res) => {
    if (turn++ % 2 === 0) res.destroy();
  });
  const started = performance.now();
  for (let count = 0; count < 60; count++) {
    const answer = await ask(gateway);
    expect([answer.status, await answer.json()]).toMatchObject([200, { id: 7 }]);
  }
  expect(performance.now() - started).toBeLessThan(5000);
  await until('legs to have failed', async () => {
    const skipped = 'gateway_shadow_skipped_total{cube="saju",route="/api/saju/records/:id",reason="new_failed"}';
    return (await counter(gateway, skipped)) >= 1;
  });
  expect(cube.seen.length).toBeGreaterThan(0);
  expect(await counter(gateway, 'gateway_breakers_open{cube="saju",target="cube"}')).toBe(0);
  // The cube serves as before whom the weight sends there.
  expect((await (await fetch(`${gateway.url}/health`)).json()) as object).toMatchObject({ broken_off: [] });
});

test('sends no request twice without comparison', async () => {
  const { gateway, legacy, cube } = await start(record, record, false);
  for (let count = 0; count < 5; count++) await (await ask(gateway)).text();
  expect([legacy.seen.length, cube.seen.length]).toEqual([5, 0]);
  expect((await examples(gateway, ['records:read'])).body.items).toEqual([]);
});

test("a cube's token stays with cubes in comparisons too", async () => {
  const { legacy, cube, gateway } = await start(record, record);
  gateway.controls.weight(100);
  const authorization = `Bearer ${tokenOf('cube')}`;
  expect((await ask(gateway, '/api/saju/records/7', { headers: { authorization } })).headers.get('x-cube-target')).toBe(
    'cube',
  );
  await until('both to be asked again', () => legacy.seen.length >= 2 && cube.seen.length >= 2);
  expect(cube.seen.map(({ headers }) => headers.authorization)).toEqual(cube.seen.map(() => authorization));
  expect(legacy.seen.map(({ headers }) => headers.authorization)).toEqual(legacy.seen.map(() => undefined));
});

test('compares predictions within the tolerance that the model declares in legacy, and finds what is beyond', async () => {
  const side =
    (scores: Readonly<Record<string, number>>): Answer =>
    (req, res) => {
      const [, , name = '', predict] = req.url?.split('/') ?? [];
      if (predict === undefined)
        sendJson(res, { id: 1, name, metrics: name === 'plain' ? null : { tolerance: { absolute: 0.05 } } });
      else sendJson(res, { model: name, version: '1', outputs: [{ label: 'a', score: scores[name] }] });
    };
  const legacy = await TestUpstream.start('legacy', side({ close: 0.5, apart: 0.5, plain: 0.5 }));
  const cube = await TestUpstream.start('cube', side({ close: 0.54, apart: 0.56, plain: 0.501 }));
  const gateway = await startGateway({
    legacy: { ai: legacy.url },
    cubes: [['ai-cube', [cube.endpoint]]],
    shadow: true,
  });
  stops.push(
    () => legacy.stop(),
    () => cube.stop(),
    () => gateway.stop(),
  );
  const route = 'cube="ai",route="/api/ai/models/:name/predict"';
  const predict = async (name: string, count: number) => {
    const init = { method: 'POST', body: '{"inputs":[1]}', headers: { 'content-type': 'application/json' } };
    await (await ask(gateway, `/api/ai/models/${name}/predict`, init)).text();
    await until(
      'the comparison',
      async () => (await counter(gateway, `gateway_shadow_compared_total{${route}}`)) === count,
    );
  };
  const mismatched = () => counter(gateway, `gateway_shadow_mismatched_total{${route},field="body.outputs[].score"}`);
  await predict('close', 1);
  expect(await mismatched()).toBe(0);
  await predict('apart', 2);
  await until('the mismatch', async () => (await mismatched()) === 1);
  // A model that declares none is compared within a hundred thousandth.
  await predict('plain', 3);
  await until('the mismatch', async () => (await mismatched()) === 2);
  // Looked up once in five seconds, and as a shadow request.
  await predict('close', 4);
  const lookups = legacy.seen.filter(({ url }) => url === '/models/close');
  expect(lookups).toHaveLength(1);
  expect(lookups[0]?.headers).toMatchObject({ 'x-cube-shadow': '1', 'x-user-id': 'user-1' });
});
