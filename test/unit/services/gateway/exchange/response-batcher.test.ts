import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ResponseBatcher } from '../../../../../src/services/gateway/exchange/response-batcher.js';

test('responses of one turn are sent at its end, each to its own client; a disconnected client affects no other', async () => {
  const answers = new ResponseBatcher();
  const waiting: { readonly path: string; readonly res: ServerResponse }[] = [];
  const server = createServer((req, res) => {
    waiting.push({ path: req.url ?? '', res });
    if (waiting.length < 3) return;
    for (const one of waiting) {
      const body = Buffer.from(`${one.path} 갑자`).toString('latin1');
      one.res.writeHead(200, { 'content-length': body.length });
      answers.send(one.res, body);
      expect(one.res.writableEnded).toBe(false);
    }
    waiting[1]?.res.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ask = (path: string) =>
    new Promise<string>((resolve, reject) => {
      get({ port, host: '127.0.0.1', path, agent: false }, (res: IncomingMessage) => resolve(text(res))).on(
        'error',
        reject,
      );
    });
  try {
    const asked = await Promise.allSettled([ask('/a'), ask('/b'), ask('/c')]);
    const got = asked.map((one) => (one.status === 'fulfilled' ? one.value : 'broken off')).sort();
    expect(got).toHaveLength(3);
    expect(got.filter((one) => one === 'broken off')).toHaveLength(1);
    for (const one of got.filter((one) => one !== 'broken off')) expect(one).toMatch(/^\/[abc] 갑자$/);
    expect(new Set(got).size).toBe(3);
  } finally {
    server.close();
  }
});
