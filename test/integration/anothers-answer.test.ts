import { expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { metricsOf, startGateway, type TestGateway, TestUpstream } from '../support/gateway.js';
import { stoppedAfterEachTest } from '../support/running.js';

/** A cube that mixes up its callers: nobody may get to see the answer of another user. */
const running = stoppedAfterEachTest();

/** Answers each call as cubes do, naming it; `naming` says how. */
async function naming(name: (own: string | undefined) => string | undefined): Promise<TestUpstream> {
  return running(
    TestUpstream.start('upstream', (req, res) => {
      const text = JSON.stringify({ user_id: 'somebody' });
      const call = name(req.headers['x-cube-call'] as string | undefined);
      res.writeHead(200, {
        'content-type': 'application/json',
        'content-length': text.length,
        ...(call === undefined ? {} : { 'x-cube-call': call }),
      });
      res.end(text);
    }),
  );
}

const ask = (gateway: TestGateway, path: string) =>
  fetch(`${gateway.url}${path}`, { headers: { 'x-user-id': 'alice', 'x-cube-call': 'of-the-client' } });

test.each([
  { path: '/api/saju/records/1', name: 'saju', cubeId: 'saju-cube' },
  // What may be kept goes another way.
  { path: '/api/ai/models', name: 'ai', cubeId: 'ai-cube' },
] as const)(
  'an answer at $path that names another call is 502, counted, and nothing of it is passed on',
  async (one) => {
    let mixesUp = true;
    const cube = await naming((own) => (mixesUp ? 'of-somebody-else' : own));
    const gateway = await running(startGateway({ cubes: [[one.cubeId, [cube.endpoint]]] }));
    gateway.controls.weight(100);
    const answer = await ask(gateway, one.path);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({
      type: expect.stringContaining('upstream_failed'),
      detail: 'The service answered another call than this one.',
    });
    expect(await metricsOf(gateway)).toContain(`gateway_anothers_answers_total{cube="${one.name}"} 1\n`);
    mixesUp = false;
    const right = await ask(gateway, one.path);
    expect([right.status, right.headers.get('x-cube-call')]).toEqual([200, null]);
    // Each call has a name of its own, and none is the client's.
    const names = cube.seen.map(({ headers }) => headers['x-cube-call']);
    expect(names).not.toContain('of-the-client');
    expect(new Set(names).size).toBe(2);
    // A connection that was out of step is not used again.
    expect(cube.sockets.size).toBe(1);
  },
);

test('a cube that names nothing is not judged, and the monolith gets no names', async () => {
  const cube = await naming(() => undefined);
  const legacy = await naming((own) => own ?? 'a-name-of-its-own');
  const gateway = await running(
    startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [cube.endpoint]]] }),
  );
  gateway.controls.weight(100);
  expect((await ask(gateway, '/api/saju/records/1')).status).toBe(200);
  gateway.controls.weight(0);
  expect((await ask(gateway, '/api/saju/records/1')).status).toBe(200);
  expect(legacy.seen.map(({ headers }) => headers['x-cube-call'])).toEqual([undefined]);
});

test('one that is met in a comparison of both sides counts as well', async () => {
  const legacy = await running(TestUpstream.start('legacy'));
  const cube = await naming(() => 'of-somebody-else');
  const gateway = await running(
    startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [cube.endpoint]]], shadow: true }),
  );
  expect((await ask(gateway, '/api/saju/records/1')).status).toBe(200);
  await until('it to be counted', async () =>
    (await metricsOf(gateway)).includes('gateway_anothers_answers_total{cube="saju"} 1\n'),
  );
});
