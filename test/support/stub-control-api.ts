import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a control API of a test answers. */
interface StubAnswer {
  readonly status: number;
  readonly body: object;
}

/**
 * Starts a control API that gives each request the next answer, and lets the command line of this process use it. Returns what
 * stops it, and undoes what it and a command changed of this process.
 */
export async function startStubControlApi(answer: () => StubAnswer): Promise<() => void> {
  const former = { ...process.env };
  const server = createServer((_request, response) => {
    const { status, body } = answer();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env.CONTROL_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.CUBE_JWT_SECRET = 'a secret of the tests that is long enough';
  return () => {
    server.close();
    process.env = former;
    process.exitCode = undefined;
  };
}
