import { afterEach, expect, test } from 'vitest';
import { metricsOf, startGateway, type TestGateway, TestUpstream } from '../support/gateway.js';

/** A cube that mixes up its callers: nobody may get to see the answer of another user. */
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function running<T extends { stop(): Promise<void> }>(started: Promise<T>): Promise<T> {
  const one = await started;
  stops.push(() => one.stop());
  return one;
}

/** Answers each request as cubes do, naming it; `naming` says which one it names. */
async function cubeNaming(naming: (own: string, path: string) => string): Promise<TestUpstream> {
  return running(
    TestUpstream.start('cube', (req, res) => {
      const text = JSON.stringify({ user_id: 'somebody' });
      res.writeHead(200, {
        'content-type': 'application/json',
        'content-length': text.length,
        'x-request-id': naming(String(req.headers['x-request-id']), req.url ?? ''),
      });
      res.end(text);
    }),
  );
}

const ask = (gateway: TestGateway, path: string) =>
  fetch(`${gateway.url}${path}`, { headers: { 'x-user-id': 'alice', 'x-request-id': 'of-alice' } });

test.each([
  ['/api/saju/records/1', 'saju', 'saju-cube'],
  // Kept answers come another way.
  ['/api/ai/models', 'ai', 'ai-cube'],
] as const)(
  'an answer at %s that names another request is 502, counted, and none of it is told',
  async (path, name, cubeId) => {
    let mixesUp = true;
    const cube = await cubeNaming((own) => (mixesUp ? 'of-somebody-else' : own));
    const gateway = await running(startGateway({ cubes: [[cubeId, [cube.endpoint]]] }));
    gateway.controls.weight(100);
    const answer = await ask(gateway, path);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({
      type: expect.stringContaining('upstream_failed'),
      detail: 'The service answered another request than this one.',
    });
    expect(await metricsOf(gateway)).toContain(`gateway_anothers_answers_total{cube="${name}"} 1\n`);
    mixesUp = false;
    expect((await ask(gateway, path)).status).toBe(200);
    // The connection that was out of step is not used again.
    expect(cube.sockets.size).toBe(1);
  },
);

test('the monolith may name requests as it likes', async () => {
  const legacy = await cubeNaming(() => 'a-name-of-its-own');
  const gateway = await running(startGateway({ legacy: { saju: legacy.url } }));
  const answer = await ask(gateway, '/api/saju/records/1');
  expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, 'of-alice']);
});
