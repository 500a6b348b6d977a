import { once } from 'node:events';
import { request } from 'node:http';
import Fastify from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { type OpenContent, sendContent } from '../../../../src/http/content/send-content.js';
import { until } from '../../../support/conditions.js';

const apps: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** A service of one content; `ready` holds its answer back. */
async function serve(size: number, ready: Promise<unknown> = Promise.resolve()) {
  let closed = 0;
  const content: OpenContent = {
    size,
    tag: '"1"',
    mimeType: 'text/plain',
    path: 'a.txt',
    async *read({ start, end }) {
      for (let at = start; at <= end; at += 65_536) yield Buffer.alloc(Math.min(65_536, end + 1 - at), 'a');
    },
    close: async () => {
      closed++;
    },
  };
  const logged: string[] = [];
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => void logged.push(line) } } });
  app.get('/', async (incoming, reply) => {
    await ready;
    const refusal = await sendContent(incoming, reply, content);
    return refusal === undefined ? reply : reply.code(refusal.status).send(refusal.detail);
  });
  apps.push(app);
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), closed: () => closed, logged };
}

test.each([
  ['whole', {}, 200],
  ['in part', { range: 'bytes=1-2' }, 206],
  ['to a client that has it', { 'if-none-match': '"1"' }, 304],
  ['to a client that has another', { 'if-match': '"2"' }, 412],
  ['beyond its end', { range: 'bytes=9000000-' }, 416],
])('a content that was sent %s is closed, once', async (_, headers, status) => {
  const { url, closed, logged } = await serve(1_000_000);
  const answer = await fetch(url, { headers: headers as Record<string, string> });
  await answer.arrayBuffer();
  expect(answer.status).toBe(status);
  await until('it to be closed', () => closed() === 1);
  expect(logged).toEqual([]);
});

test.each([
  ['before its answer begins', 0],
  ['in the middle of it', 1],
])('it is closed, once, for a client that leaves %s', async (_, parts) => {
  let answer: (() => void) | undefined;
  const ready = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { url, closed } = await serve(100_000_000, ready);
  const asked = request(url).on('error', () => undefined);
  asked.end();
  await once(asked, 'socket');
  if (parts > 0) {
    answer?.();
    const [response] = await once(asked, 'response');
    await once(response, 'data');
  } else await new Promise((resolve) => setTimeout(resolve, 100));
  asked.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  answer?.();
  await until('it to be closed', () => closed() === 1, 5000);
});
