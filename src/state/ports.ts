import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { reservePort } from './port-reservations.js';

/** Where nearly all of a stack listens. */
export const loopback = '127.0.0.1';

/** Whether a port of a loopback address is free now. */
export function isPortFree(port: number, host: string = loopback): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The usual port when it is free and not in `taken`, else one that the system does not give away by itself: of those it
 * lends to connections and to programs that listen on port 0, one could be gone before its server binds it, or while that
 * server is started again. Reserved against other stacks until this process ends.
 */
export async function choosePort(usual: number, taken: ReadonlySet<number>, host: string = loopback): Promise<number> {
  if (usual !== 0 && !taken.has(usual) && (await isPortFree(usual, host)) && reservePort(usual)) return usual;
  const lent = lentPorts(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'));
  for (;;) {
    const port = randomInt(lowestChosen, 65_536);
    if (port >= lent.first && port <= lent.last) continue;
    if (!taken.has(port) && (await isPortFree(port, host)) && reservePort(port)) return port;
  }
}

/** Above what programs usually listen on, and above 10080, which `fetch` refuses to call (https://fetch.spec.whatwg.org/#port-blocking). */
const lowestChosen = 10_081;
/** So many at least are left to choose from, even of a system that lends all. */
const minCount = 2000;

/** The ports that the system lends, by what its kernel says: two numbers, the first and the last. */
export function lentPorts(range: string): { readonly first: number; readonly last: number } {
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number);
  const left = Math.max(0, first - lowestChosen) + (65_535 - last);
  return left >= minCount ? { first, last } : { first: 0, last: 0 };
}
