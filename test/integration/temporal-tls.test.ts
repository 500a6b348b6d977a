import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { afterEach, expect, inject, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { readConfiguration } from '../../src/config/configuration.js';
import { temporalTarget, temporalVariables } from '../../src/config/temporal-address.js';
import { createMigrationWorkflows } from '../../src/services/control/migrations/workflows.js';
import { connectTemporal } from '../../src/workers/worker.js';
import { prove } from '../support/engine.js';

const folder = join(packageRoot(), 'test', 'data', 'tls');
const authority = join(folder, 'authority.pem');
const identity = { key: readFileSync(join(folder, 'server.key')), cert: readFileSync(join(folder, 'server.pem')) };
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** The shared Temporal server behind TLS; tells of each handshake. */
async function behindTls() {
  const handshakes: (string | null)[] = [];
  const refused: string[] = [];
  const server = createServer({ ...identity, ALPNProtocols: ['h2'] }, (near: TLSSocket) => {
    handshakes.push(near.getProtocol());
    const [host = '', port = ''] = inject('servers').temporalAddress.split(':');
    const far = connect({ host, port: Number(port) });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
    cleanUps.push(() => near.destroy());
  });
  server.on('tlsClientError', (error) => refused.push(error.message));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, handshakes, refused };
}

function targetOf(environment: Readonly<Record<string, string>>) {
  return temporalTarget(readConfiguration(environment, temporalVariables));
}

test('a worker and the control API reach a Temporal server over TLS, by the authority that signed its certificate', async () => {
  const { address, handshakes } = await behindTls();
  const target = targetOf({ TEMPORAL_ADDRESS: address, TEMPORAL_TLS: authority });
  const connection = await connectTemporal(target);
  await connection.close();
  expect(handshakes).toEqual(['TLSv1.3']);
  const workflows = createMigrationWorkflows(target, 'default', prove);
  expect(await workflows.reachable()).toBe(true);
  await workflows.close();
  expect(handshakes).toEqual(['TLSv1.3', 'TLSv1.3']);
});

test('the client does not talk to a server whose certificate no known authority has signed', async () => {
  const { address, handshakes, refused } = await behindTls();
  const target = targetOf({ TEMPORAL_ADDRESS: address, TEMPORAL_TLS: 'on' });
  await expect(connectTemporal(target)).rejects.toMatchObject({ type: 'temporal_unreachable' });
  const workflows = createMigrationWorkflows(target, 'default', prove);
  expect(await workflows.reachable()).toBe(false);
  await workflows.close();
  expect(refused.length + handshakes.length).toBeGreaterThan(0);
});

test('an API key goes along with each call of both, and only over TLS', async () => {
  const keys: unknown[] = [];
  const server = createSecureServer(identity);
  server.on('stream', (stream, headers) => {
    keys.push(headers.authorization);
    // An empty message, which is a right answer to the first call that both make.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const target = targetOf({ TEMPORAL_ADDRESS: address, TEMPORAL_TLS: authority, TEMPORAL_API_KEY: 'a-key' });
  const connection = await connectTemporal(target);
  await connection.close();
  expect(new Set(keys)).toEqual(new Set(['Bearer a-key']));
  keys.length = 0;
  const workflows = createMigrationWorkflows(target, 'default', prove);
  await workflows.reachable();
  await workflows.close();
  expect(new Set(keys)).toEqual(new Set(['Bearer a-key']));
  expect(targetOf({ TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: 'a-key' })).toMatchObject({ tls: true });
});
