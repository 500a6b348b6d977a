import { createServer } from 'node:net';
import { reservePort } from './port-reservations.js';

/** Whether a port of the loopback address is free now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The usual port when it is free and not in `taken`, else one that the system gives; reserved against other stacks until
 * this process ends.
 */
export async function choosePort(usual: number, taken: ReadonlySet<number>): Promise<number> {
  if (usual !== 0 && !taken.has(usual) && (await isPortFree(usual)) && reservePort(usual)) return usual;
  for (;;) {
    const given = await givenPort();
    if (!taken.has(given) && reservePort(given)) return given;
  }
}

function givenPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
