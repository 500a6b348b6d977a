import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LatencyFigures, steadyLoad } from './steady-load.js';

const everyMillis = 2000;
export const stallMillis = 200;

/**
 * What the generator reports of a server that answers nothing for 200 ms in every two seconds: a generator that waits for
 * answers before it sends on would hardly notice.
 */
export async function lookAtStalls(seconds: number): Promise<LatencyFigures> {
  const server = createServer(async (_, res) => {
    const within = performance.now() % everyMillis;
    if (within < stallMillis) await sleep(stallMillis - within);
    res.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await steadyLoad({ port, path: '/', tokens: ['none'], rate: 200, seconds, connections: 32 });
  } finally {
    server.close();
  }
}
