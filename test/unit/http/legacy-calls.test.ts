import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { createLegacyCalls } from '../../../src/http/legacy-calls.js';

test.each([
  ['that is repeatable, as a prediction, is passed on once more', { isRepeatable: true } as const, 2],
  ['that may have had an effect is passed on once', undefined, 1],
])('a POST whose connection to legacy broke and %s', async (_, options, sent) => {
  const bodies: string[] = [];
  const legacy = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    bodies.push(body);
    if (bodies.length === 1) res.destroy();
    else res.setHeader('content-type', 'application/json').end('{"outputs":[]}');
  });
  await new Promise<void>((resolve) => legacy.listen(0, '127.0.0.1', resolve));
  const calls = createLegacyCalls(`http://127.0.0.1:${(legacy.address() as AddressInfo).port}`);
  const cube = Fastify();
  cube.post('/models/:name/predict', (request, reply) => calls.passOn(reply, JSON.stringify(request.body), options));
  try {
    const answer = await cube.inject({ method: 'POST', url: '/models/m/predict', payload: { inputs: [1] } });
    expect(answer.statusCode).toBe(sent === 2 ? 200 : 500);
    // What legacy cannot serve says nothing of the cube.
    expect(answer.headers['x-cube-item-failure']).toBe(sent === 2 ? undefined : '1');
    expect(bodies).toEqual(Array(sent).fill('{"inputs":[1]}'));
  } finally {
    await cube.close();
    await calls.close();
    legacy.close();
  }
});

test('an error of legacy is passed on as one that says nothing of the cube, with the time to wait', async () => {
  const legacy = createServer((_, res) => res.writeHead(503, { 'retry-after': '0' }).end('{}'));
  await new Promise<void>((resolve) => legacy.listen(0, '127.0.0.1', resolve));
  const calls = createLegacyCalls(`http://127.0.0.1:${(legacy.address() as AddressInfo).port}`);
  const cube = Fastify();
  cube.get('/files/:id/process/:kind', (_, reply) => calls.passOn(reply, undefined));
  try {
    const answer = await cube.inject('/files/1/process/text');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers).toMatchObject({ 'x-cube-item-failure': '1', 'retry-after': '0' });
  } finally {
    await cube.close();
    await calls.close();
    legacy.close();
  }
});
