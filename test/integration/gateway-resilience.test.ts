import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { standardRequestHeaders } from '../../src/services/gateway/admission/forwarded-headers.js';
import { gatewayLimits } from '../../src/services/gateway/context.js';
import { RouteTable } from '../../src/services/gateway/routing/routes.js';
import { until } from '../support/conditions.js';
import {
  metricsOf,
  sendJson,
  sendRaw,
  startGateway,
  statusOf,
  type TestGateway,
  TestUpstream,
  tokenOf,
} from '../support/gateway.js';
import { stoppedAfterEachTest } from '../support/running.js';

const running = stoppedAfterEachTest();

/** An address at which nobody listens. */
async function deadEndpoint(id: string) {
  const gone = await TestUpstream.start(id);
  const { endpoint } = gone;
  await gone.stop();
  return endpoint;
}

const ask = (gateway: TestGateway, path = '/api/saju/records/1', init: RequestInit = {}) =>
  fetch(`${gateway.url}${path}`, { ...init, headers: { 'x-user-id': 'alice', ...init.headers } });

describe('an instance that is not there', () => {
  test('costs a client one retry, also of what writes, since nothing was sent', async () => {
    const cube = await running(TestUpstream.start('cube'));
    const dead = await deadEndpoint('dead');
    const gateway = await running(startGateway({ cubes: [['saju-cube', [dead, cube.endpoint]]] }));
    gateway.controls.weight(100);
    for (let asked = 0; asked < 12; asked++) expect((await ask(gateway)).status).toBe(200);
    for (let asked = 0; asked < 4; asked++)
      expect((await ask(gateway, '/api/saju/calculate', { method: 'POST', body: '{}' })).status).toBe(200);
    expect(cube.seen).toHaveLength(16);
  });

  test('when it was the only one, sends its users to legacy while legacy is the owner', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const dead = await deadEndpoint('dead');
    const gateway = await running(startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [dead]]] }));
    gateway.controls.weight(100);
    const answer = await ask(gateway);
    expect([answer.status, answer.headers.get('x-cube-target')]).toEqual([200, 'legacy']);
    gateway.controls.ownership = { owner: 'cube', epoch: 1, completed: false, reverseSyncWithinLimit: true };
    expect((await ask(gateway)).status).toBe(502);
  });
});

test('a cube that is gone fails none of many concurrent users while legacy is the owner: no retry budget applies', async () => {
  const legacy = await running(TestUpstream.start('legacy'));
  const dead = await deadEndpoint('dead');
  const gateway = await running(startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [dead]]] }));
  gateway.controls.weight(100);
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask(gateway)));
  expect(answers.map(({ status, headers }) => `${status} ${headers.get('x-cube-target')}`)).toEqual(
    answers.map(() => '200 legacy'),
  );
});

describe('a call that was sent and lost', () => {
  test('is repeated when it reads, once, and never when it writes', async () => {
    const lost = new Map<string, number>();
    const cube = await running(
      TestUpstream.listen('cube', (req, res) => {
        const method = req.method ?? '';
        lost.set(method, (lost.get(method) ?? 0) + 1);
        req.resume();
        req.on('end', () => res.destroy());
      }),
    );
    const gateway = await running(startGateway({ cubes: [['saju-cube', [cube.endpoint]]] }));
    gateway.controls.weight(100);
    expect((await ask(gateway)).status).toBe(502);
    expect((await ask(gateway, '/api/saju/records/1', { method: 'PATCH', body: '{}' })).status).toBe(502);
    expect((await ask(gateway, '/api/saju/records/1', { method: 'DELETE' })).status).toBe(502);
    expect(Object.fromEntries(lost)).toEqual({ GET: 2, PATCH: 1, DELETE: 1 });
  });

  test('is repeated when it is sent with POST and has no effect, as a prediction, whatever was lost of it', async () => {
    const paths: string[] = [];
    const losing = () =>
      running(
        TestUpstream.listen('cube', (req, res) => {
          paths.push(req.url ?? '');
          req.resume();
          req.on('end', () => res.destroy());
        }),
      );
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await running(
      startGateway({
        legacy: { ai: legacy.url, saju: legacy.url },
        cubes: [
          ['ai-cube', [(await losing()).endpoint]],
          ['saju-cube', [(await losing()).endpoint]],
        ],
      }),
    );
    gateway.controls.weight(100);
    const post = async (path: string, body: string) =>
      (await ask(gateway, path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status;
    expect(await post('/api/ai/models/m/predict', '{"inputs":[1]}')).toBe(200);
    expect(await post('/api/saju/calculate', '{"save":false}')).toBe(200);
    expect(await post('/api/saju/calculate', '{"save":true}')).toBe(502);
    expect(paths).toEqual(['/models/m/predict', '/calculate', '/calculate']);
    // Too large to be kept: it is sent once.
    expect(await post('/api/ai/models/m/predict', `{"inputs":["${'a'.repeat(4 * 1024 * 1024)}"]}`)).toBe(502);
  });

  test('with 503 and a time to wait goes to legacy without it', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const cube = await running(
      TestUpstream.start('cube', (_, res) => {
        res.setHeader('retry-after', '5');
        sendJson(res, { reason: 'crashed' }, 503);
      }),
    );
    const gateway = await running(startGateway({ legacy: { ai: legacy.url }, cubes: [['ai-cube', [cube.endpoint]]] }));
    gateway.controls.weight(100);
    const begun = performance.now();
    const answer = await ask(gateway, '/api/ai/models/m/predict', { method: 'POST', body: '{"inputs":[1]}' });
    expect(`${answer.status} ${answer.headers.get('x-cube-target')}`).toBe('200 legacy');
    expect(performance.now() - begun).toBeLessThan(4000);
  });

  test('with 503 for what it names alone keeps nothing else from the cube, neither its route nor its instance', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    let isOfItem = true;
    const cube = await running(
      TestUpstream.start('cube', (req, res) => {
        if (req.url?.includes('/ill/') !== true) return sendJson(res, { outputs: [] });
        if (isOfItem) res.setHeader('x-cube-item-failure', '1');
        res.setHeader('retry-after', '1');
        sendJson(res, { reason: 'overloaded' }, 503);
      }),
    );
    const gateway = await running(startGateway({ legacy: { ai: legacy.url }, cubes: [['ai-cube', [cube.endpoint]]] }));
    gateway.controls.weight(100);
    const predict = async (name: string) => {
      const answer = await ask(gateway, `/api/ai/models/${name}/predict`, { method: 'POST', body: '{"inputs":[1]}' });
      expect(answer.headers.get('x-cube-item-failure')).toBeNull();
      return `${answer.status} ${answer.headers.get('x-cube-target')}`;
    };
    const many = (name: string) => Promise.all(Array.from({ length: 40 }, () => predict(name)));
    expect(await many('ill')).toContain('503 cube');
    expect(new Set(await many('well'))).toEqual(new Set(['200 cube']));
    // Of the cube itself it opens the breaker of the route.
    isOfItem = false;
    await many('ill');
    await many('ill');
    expect(new Set(await many('well'))).toEqual(new Set(['200 legacy']));
  });

  test('with 503 is repeated once: one client, two calls, no more', async () => {
    let calls = 0;
    const cube = await running(
      TestUpstream.start('cube', (_, res) => {
        calls++;
        if (calls === 2) sendJson(res, { second: true });
        else sendJson(res, {}, 503);
      }),
    );
    const gateway = await running(startGateway({ cubes: [['saju-cube', [cube.endpoint]]] }));
    gateway.controls.weight(100);
    expect((await ask(gateway)).status).toBe(200);
    expect(calls).toBe(2);
    expect((await ask(gateway, '/api/saju/records/1', { method: 'DELETE' })).status).toBe(503);
    expect(calls).toBe(3);
  });
});

describe('a cube that fails most of the time', () => {
  test('gets no calls while its breaker is open: its users go to legacy, by route', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    let calls = 0;
    const cube = await running(
      TestUpstream.start('cube', (req, res) => {
        calls++;
        sendJson(res, {}, req.url?.startsWith('/users') ? 200 : 500);
      }),
    );
    const gateway = await running(
      startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [cube.endpoint]]] }),
    );
    gateway.controls.weight(100);
    const statuses: number[] = [];
    for (let asked = 0; asked < 30; asked++) statuses.push((await ask(gateway)).status);
    expect(statuses.filter((status) => status === 500)).toHaveLength(20);
    expect(statuses.slice(20)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(calls).toBe(20);
    expect((await ask(gateway, '/api/saju/users/alice/records')).headers.get('x-cube-target')).toBe('cube');
    expect(await metricsOf(gateway)).toContain('gateway_fallbacks_total{cube="saju",reason="broken_off"} 10');
    gateway.controls.ownership = { owner: 'cube', epoch: 1, completed: false, reverseSyncWithinLimit: false };
    const refused = await ask(gateway);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('one instance of two that fails is left out after five failures', async () => {
    const good = await running(TestUpstream.start('good'));
    const bad = await running(TestUpstream.start('bad', (_, res) => sendJson(res, {}, 500)));
    const gateway = await running(startGateway({ cubes: [['saju-cube', [good.endpoint, bad.endpoint]]] }));
    gateway.controls.weight(100);
    for (let asked = 0; asked < 60; asked++) await ask(gateway, '/api/saju/records/1', { method: 'DELETE' });
    expect(bad.seen).toHaveLength(5);
  });

  test('4xx never counts against it', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const cube = await running(TestUpstream.start('cube', (_, res) => sendJson(res, {}, 404)));
    const gateway = await running(
      startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [cube.endpoint]]] }),
    );
    gateway.controls.weight(100);
    for (let asked = 0; asked < 40; asked++) expect((await ask(gateway)).status).toBe(404);
    expect(legacy.seen).toEqual([]);
  });
});

describe('the cache', () => {
  test('serves concurrent requests for models by one call, separately by user and side', async () => {
    const models = (name: string) =>
      TestUpstream.start(name, (_, res) => setTimeout(() => sendJson(res, { from: name }), 20));
    const legacy = await running(models('legacy'));
    const cube = await running(models('cube'));
    const gateway = await running(startGateway({ legacy: { ai: legacy.url }, cubes: [['ai-cube', [cube.endpoint]]] }));
    const get = async (user: string, more = {}) => {
      const answer = await ask(gateway, '/api/ai/models', { headers: { 'x-user-id': user, ...more } });
      return { body: await answer.text(), target: answer.headers.get('x-cube-target'), age: answer.headers.get('age') };
    };
    const answers = await Promise.all(Array.from({ length: 200 }, () => get('alice')));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['{"from":"legacy"}']));
    expect(legacy.seen).toHaveLength(1);
    await get('bob');
    expect(legacy.seen).toHaveLength(2);
    await get('alice', { cookie: 'a=1' });
    await get('alice', { 'cache-control': 'no-cache' });
    expect(legacy.seen).toHaveLength(4);
    gateway.controls.weight(100);
    expect(await get('alice')).toMatchObject({ body: '{"from":"cube"}', target: 'cube' });
    expect(cube.seen[0]?.headers['x-cube-token']).toBeDefined();
  });

  describe('never serves the response to another request', () => {
    const table = new RouteTable(gatewayLimits);
    const names = [...standardRequestHeaders, ...table.declaredHeaders, 'host', 'authorization', 'x-user-id'].concat([
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-forwarded-scheme',
      'x-real-ip',
      'x-anything',
    ]);
    const two: Readonly<Record<string, readonly [string, string]>> = {
      authorization: [tokenOf('user', 600), tokenOf('user', 500)].map((token) => `Bearer ${token}`) as [string, string],
      'x-forwarded-proto': ['http', 'https'],
      traceparent: ['1', '2'].map((digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`) as [string, string],
    };
    let legacy: TestUpstream;
    let gateway: TestGateway;

    beforeAll(async () => {
      // The least careful of services: all that it hears stands in its answer, and it names no header in Vary.
      legacy = await TestUpstream.start('legacy', (req, res) => sendJson(res, req.rawHeaders));
      gateway = await startGateway({ legacy: { ai: legacy.url } });
    });
    afterAll(async () => {
      await gateway.stop();
      await legacy.stop();
    });

    test.each(names)('that differs in %s alone', async (name) => {
      const values = two[name] ?? ['one-of-them', 'the-other'];
      const bodies = [];
      for (const value of values) {
        const lines = [
          'GET /api/ai/models HTTP/1.1',
          ...(name === 'host' ? [] : ['Host: heal7']),
          `${name}: ${value}`,
          '',
          '',
        ];
        const answer = await sendRaw(gateway.port, lines.join('\r\n').replace('models', `models/${name}`));
        expect(statusOf(answer)).toBe(200);
        bodies.push({ value, body: answer.slice(answer.indexOf('\r\n\r\n')) });
      }
      const [first, second] = bodies;
      // Who asked second got the first one's answer, or one of its own: never what the service heard of the first.
      if (first?.body === second?.body) for (const { value, body } of bodies) expect(body).not.toContain(`"${value}"`);
      else expect(second?.body).not.toContain(`"${values[0]}"`);
    });

    test('of its own header alone, when both arrive at once', async () => {
      const ask = (origin: string) => fetch(`${gateway.url}/api/ai/models/at-once`, { headers: { origin } });
      const asked = ['https://a.example', 'https://b.example', 'https://a.example'].map(async (origin) => [
        origin,
        (await (await ask(origin)).text()).includes(origin),
      ]);
      expect(await Promise.all(asked)).toEqual([
        ['https://a.example', true],
        ['https://b.example', true],
        ['https://a.example', true],
      ]);
    });

    test('that has a body', async () => {
      const echo = await running(TestUpstream.start('echo', (_, res, body) => sendJson(res, { body })));
      const here = await running(startGateway({ legacy: { ai: echo.url } }));
      for (const body of ['a', 'b'])
        expect(
          await sendRaw(here.port, `GET /api/ai/models HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n${body}`),
        ).toContain(`{"body":"${body}"}`);
    });
  });

  test('serves no response of a version that is not active, and those of a version that is active again', async () => {
    const answers = async (name: string) =>
      running(TestUpstream.start(name, (_, res) => sendJson(res, { from: name })));
    const [good, bad] = [await answers('good'), await answers('bad')];
    const gateway = await running(startGateway({ cubes: [['ai-cube', [good.endpoint]]] }));
    const { controls } = gateway;
    controls.weight(100);
    const get = async () => (await ask(gateway, '/api/ai/models')).json();
    const switchTo = (version: string, { endpoint }: TestUpstream) => {
      controls.version = version;
      controls.cubes.set('ai-cube', [endpoint]);
    };
    for (let asked = 0; asked < 2; asked++) expect(await get()).toEqual({ from: 'good' });
    switchTo('2', bad);
    for (let asked = 0; asked < 2; asked++) expect(await get()).toEqual({ from: 'bad' });
    switchTo('1', good);
    for (let asked = 0; asked < 2; asked++) expect(await get()).toEqual({ from: 'good' });
    expect([good.seen.length, bad.seen.length]).toEqual([1, 1]);
  });

  test('stores no response of a call during which the active version changed', async () => {
    let answered = 0;
    const cube = await running(
      TestUpstream.start('cube', (_, res) => {
        if (answered++ === 0) gateway.controls.version = '2';
        sendJson(res, { answered });
      }),
    );
    const gateway = await running(startGateway({ cubes: [['ai-cube', [cube.endpoint]]] }));
    gateway.controls.weight(100);
    const get = async () => (await ask(gateway, '/api/ai/models')).json();
    expect(await get()).toEqual({ answered: 1 });
    gateway.controls.version = '1';
    for (let asked = 0; asked < 2; asked++) expect(await get()).toEqual({ answered: 2 });
  });

  test('stores nothing of routes that write', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await running(startGateway({ legacy: { saju: legacy.url, ai: legacy.url } }));
    for (const path of ['/api/saju/records/1', '/api/saju/records/1']) await ask(gateway, path);
    for (let asked = 0; asked < 2; asked++)
      await ask(gateway, '/api/ai/models/x/predict', { method: 'POST', body: '{}' });
    expect(legacy.seen).toHaveLength(4);
  });
});

describe('the time that is left', () => {
  const limits = { responseMillis: 2000 };
  const told = ({ seen }: TestUpstream) => seen.map(({ headers }) => Number(headers['x-request-deadline']));

  test('is sent to the upstream, less at a retry, whatever the client sends', async () => {
    const cube = await running(TestUpstream.start('cube', (_, res) => sendJson(res, {}, 503)));
    const gateway = await running(startGateway({ cubes: [['saju-cube', [cube.endpoint]]], limits }));
    gateway.controls.weight(100);
    await ask(gateway, '/api/saju/records/1', { headers: { 'x-request-deadline': '1' } });
    const [first = 0, second = 0] = told(cube);
    expect(first).toBeGreaterThan(1000);
    expect(first).toBeLessThanOrEqual(2000);
    // A second attempt comes after 25 ms at least.
    expect(second).toBeLessThanOrEqual(first - 20);
    expect(second).toBeGreaterThan(0);
  });

  test('is sent for cacheable routes too, and not for files', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await running(startGateway({ legacy: { ai: legacy.url, paperwork: legacy.url }, limits }));
    await ask(gateway, '/api/ai/models');
    await ask(gateway, '/api/paperwork/files', { method: 'POST', body: 'a file' });
    const [models, file] = told(legacy);
    expect(models).toBeGreaterThan(1000);
    expect(models).toBeLessThanOrEqual(2000);
    expect(file).toBeNaN();
  });
});

describe('a hold', () => {
  const write = (gateway: TestGateway) => ask(gateway, '/api/saju/records/1', { method: 'DELETE' });

  test('makes writes wait, lets reads pass, and forwards the writes when it is lifted', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await running(startGateway({ legacy: { saju: legacy.url } }));
    gateway.controls.held = 'writes';
    const held = [write(gateway), ask(gateway, '/api/saju/calculate', { method: 'POST', body: '{}' })];
    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway, '/api/saju/calculate', { method: 'POST', body: '{"save":false}' })).status).toBe(200);
    expect(legacy.seen).toHaveLength(2);
    await gateway.controls.underWay.whenDrained('saju', 'writes');
    gateway.controls.lift();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
    expect(legacy.seen).toHaveLength(4);
  });

  test('is bounded in time and number', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await running(
      startGateway({ legacy: { saju: legacy.url }, limits: { holdMillis: 500, maxHeld: 2 } }),
    );
    gateway.controls.held = 'all';
    const held = [write(gateway), ask(gateway), write(gateway)];
    const answers = await Promise.all(held);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(answers.every(({ headers }) => headers.get('retry-after') === '1')).toBe(true);
    expect(legacy.seen).toEqual([]);
    gateway.controls.lift();
    expect((await write(gateway)).status).toBe(200);
  });

  test('is acknowledged when the writes admitted before have been answered', async () => {
    let answer: (() => void) | undefined;
    const legacy = await running(
      TestUpstream.start('legacy', (_, res) => {
        answer = () => sendJson(res, {});
      }),
    );
    const gateway = await running(startGateway({ legacy: { saju: legacy.url } }));
    const early = write(gateway);
    await until('the write to be under way', () => answer);
    gateway.controls.held = 'writes';
    let settled = false;
    const settling = gateway.controls.underWay.whenDrained('saju', 'writes').then(() => {
      settled = true;
    });
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    expect(settled).toBe(false);
    answer?.();
    expect((await early).status).toBe(200);
    await settling;
  });

  test('frees the place of a client that disconnects while waiting', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await running(startGateway({ legacy: { saju: legacy.url }, limits: { maxHeld: 1 } }));
    gateway.controls.held = 'writes';
    const abort = new AbortController();
    const gone = ask(gateway, '/api/saju/records/1', { method: 'DELETE', signal: abort.signal }).catch(() => 'gone');
    await until('it to wait', async () => (await write(gateway)).status === 503);
    abort.abort();
    expect(await gone).toBe('gone');
    await until('it to be counted', async () => (await metricsOf(gateway)).includes('status="499"} 1'));
    const next = write(gateway);
    await until('the next one to have its place', async () => (await write(gateway)).status === 503);
    gateway.controls.lift();
    expect((await next).status).toBe(200);
    expect(legacy.seen).toHaveLength(1);
  });
});
