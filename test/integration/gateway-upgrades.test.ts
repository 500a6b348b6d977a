import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import {
  cubeSecret,
  metricsOf,
  sendRaw,
  startGateway,
  statusOf,
  type TestGateway,
  TestUpstream,
  tokenOf,
  userSecret,
  webSocketHello,
} from '../support/gateway.js';
import { stoppedAfterEachTest } from '../support/running.js';

const running = stoppedAfterEachTest();

/** A service that opens every WebSocket, and says its name in it. */
async function socketService(name: string): Promise<TestUpstream> {
  const upstream = await running(TestUpstream.listen(name, (_, res) => void res.end()));
  upstream.server.on('upgrade', (_, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhere is ${name}`,
    );
    socket.on('error', () => undefined).on('end', () => socket.destroy());
    socket.resume();
  });
  return upstream;
}

/** An address at which nobody listens. */
async function nowhere(): Promise<string> {
  const upstream = await TestUpstream.listen('nobody', () => undefined);
  const { url } = upstream;
  await upstream.stop();
  return url;
}

const open = (gateway: TestGateway) =>
  sendRaw(gateway.port, webSocketHello, (answer) => answer.includes('here is') || answer.includes('"status"'));

describe('a WebSocket while writes are held', () => {
  test('waits, and is opened when the hold is lifted', async () => {
    const legacy = await socketService('legacy');
    const gateway = await running(startGateway({ legacy: { saju: legacy.url }, limits: { maxHeld: 1 } }));
    gateway.controls.held = 'writes';
    const waiting = open(gateway);
    await until('it to wait', async () => statusOf(await open(gateway)) === 503);
    expect(legacy.sockets.size).toBe(0);
    await gateway.controls.underWay.whenDrained('saju', 'writes');
    gateway.controls.lift();
    expect(await waiting).toContain('here is legacy');
    // Open it is no longer under way: the next hold comes into force beside it.
    await gateway.controls.underWay.whenDrained('saju', 'writes');
  });

  test('waits for a limited time', async () => {
    const legacy = await socketService('legacy');
    const gateway = await running(
      startGateway({ legacy: { saju: legacy.url }, limits: { maxHeld: 1, holdMillis: 100 } }),
    );
    gateway.controls.held = 'writes';
    for (let time = 0; time < 2; time++) {
      const answer = await open(gateway);
      expect(statusOf(answer)).toBe(503);
      expect(answer).toContain('Retry-After: 1');
    }
    gateway.controls.lift();
    expect(await open(gateway)).toContain('here is legacy');
  });
});

describe('a WebSocket whose cube is not there', () => {
  const gatewayBefore = async (...urls: readonly string[]) => {
    const legacy = await socketService('legacy');
    const endpoints = urls.map((url, place) => ({ id: String(place), url }));
    const gateway = await running(startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', endpoints]] }));
    gateway.controls.weight(100);
    return gateway;
  };
  const owned = { owner: 'cube', epoch: 1, completed: false, reverseSyncWithinLimit: true } as const;

  test('is opened at the cube while that is there', async () => {
    const cube = await socketService('cube');
    expect(await open(await gatewayBefore(cube.url))).toMatch(/X-Cube-Target: cube[\s\S]*here is cube/);
  });

  test('is opened at legacy while legacy is the owner, with or without an instance in the registry', async () => {
    const absent = await gatewayBefore();
    expect(await open(absent)).toMatch(/X-Cube-Target: legacy[\s\S]*here is legacy/);
    expect(await metricsOf(absent)).toContain('gateway_fallbacks_total{cube="saju",reason="nobody"} 1');
    const dead = await gatewayBefore(await nowhere());
    expect(await open(dead)).toMatch(/X-Cube-Target: legacy[\s\S]*here is legacy/);
    expect(await metricsOf(dead)).toContain('gateway_fallbacks_total{cube="saju",reason="repeated"} 1');
    await dead.controls.underWay.whenDrained('saju', 'all');
  });

  test('is refused while the cube is the owner', async () => {
    const absent = await gatewayBefore();
    absent.controls.ownership = owned;
    expect(statusOf(await open(absent))).toBe(503);
    const dead = await gatewayBefore(await nowhere());
    dead.controls.ownership = owned;
    expect(statusOf(await open(dead))).toBe(502);
    expect(await metricsOf(dead)).not.toContain('gateway_fallbacks_total{');
    await dead.controls.underWay.whenDrained('saju', 'all');
  });
});

describe('a WebSocket that its service declines', () => {
  /** A service that declines with an answer that `goOn` writes. */
  async function decliningService(
    goOn: (write: (text: string) => boolean, drained: (more: () => void) => void) => void,
  ) {
    const upstream = await running(TestUpstream.listen('legacy', (_, res) => void res.end()));
    upstream.server.on('upgrade', (_, socket) => {
      socket.on('error', () => undefined).on('end', () => socket.destroy());
      socket.resume();
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000000\r\n\r\nnot here');
      goOn(
        (text) => socket.write(text),
        (more) => void socket.once('drain', more),
      );
    });
    return upstream;
  }

  const endless = () =>
    decliningService((write, drained) => {
      const more = () => {
        if (write('a'.repeat(65_536))) setImmediate(more);
        else drained(more);
      };
      more();
    });

  test('ends the call when its client disconnects in the middle of the response', async () => {
    const upstream = await endless();
    const gateway = await running(startGateway({ legacy: { saju: upstream.url } }));
    expect(await sendRaw(gateway.port, webSocketHello, (answer) => answer.includes('not here'))).toMatch(
      /^HTTP\/1.1 403/,
    );
    await until('the service to be let go', () => upstream.sockets.size === 0);
    await gateway.controls.underWay.whenDrained('saju', 'all');
  });

  test('has a time limit for a client that does not read the response', async () => {
    const upstream = await endless();
    const gateway = await running(startGateway({ legacy: { saju: upstream.url }, limits: { idleMillis: 300 } }));
    const client = connect(gateway.port, '127.0.0.1').pause();
    client.write(webSocketHello);
    await until('the service to be asked', () => upstream.sockets.size === 1);
    await until('the service to be let go', () => upstream.sockets.size === 0);
    client.destroy();
  });

  test('gives a client that reads slowly the whole answer', async () => {
    const upstream = await running(TestUpstream.listen('legacy', (_, res) => void res.end()));
    const body = 'a'.repeat(8 * 1024 * 1024);
    upstream.server.on('upgrade', (_, socket) => {
      socket.on('error', () => undefined);
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    const gateway = await running(startGateway({ legacy: { saju: upstream.url } }));
    const client = connect(gateway.port, '127.0.0.1');
    client.write(webSocketHello);
    let read = 0;
    client.on('data', (chunk: Buffer) => {
      read += chunk.length;
      // Longer in all than anybody who said the last word is waited for.
      client.pause();
      setTimeout(() => client.resume(), 25);
    });
    await once(client, 'end');
    expect(read).toBeGreaterThan(body.length);
    client.destroy();
  });

  test('resets the connection when the response breaks off, so that it is not taken for complete', async () => {
    const upstream = await running(TestUpstream.listen('legacy', (_, res) => void res.end()));
    upstream.server.on('upgrade', (_, socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nnot here\r\n');
      setTimeout(() => socket.destroy(), 100);
    });
    const gateway = await running(startGateway({ legacy: { saju: upstream.url } }));
    const client = connect(gateway.port, '127.0.0.1').resume();
    client.write(webSocketHello);
    await expect(once(client, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('has a time limit for the rest of the response', async () => {
    const upstream = await decliningService(() => undefined);
    const gateway = await running(startGateway({ legacy: { saju: upstream.url }, limits: { idleMillis: 300 } }));
    expect(await sendRaw(gateway.port, webSocketHello, () => false)).toContain('not here');
    await until('the service to be let go', () => upstream.sockets.size === 0);
  });
});

test('a client that requests a WebSocket and resets its connection harms no other', async () => {
  const legacy = await socketService('legacy');
  const gateway = await running(startGateway({ legacy: { saju: legacy.url } }));
  // Served, not served, and refused at the door.
  for (const path of ['/api/saju/socket', '/api/ai/socket', '/nothing', '/api/saju/%2e%2e/x'])
    for (let time = 0; time < 20; time++) {
      const client = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
      await once(client, 'connect');
      client.write(webSocketHello.replace('/api/saju/socket', path));
      if (time % 2 === 0) await once(client, 'data');
      client.resetAndDestroy();
    }
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
});

test('the gateway closes the connection of a client that stays after a refused WebSocket', async () => {
  const gateway = await running(startGateway({}));
  const client = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true }).resume();
  client.on('error', () => undefined);
  client.write(webSocketHello);
  await once(client, 'end');
  await until('the gateway to hang up', () => {
    // Whoever writes to a connection that is gone hears of it.
    if (!client.destroyed) client.write('a');
    return client.destroyed;
  });
});

/** A client's open WebSocket, and how it is told that it is over. */
async function openTunnel(gateway: TestGateway, ...headers: readonly string[]) {
  const socket = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  const over = once(socket, 'close').then(() => Date.now() / 1000);
  socket.write(webSocketHello.replace('Host: a', ['Host: a', ...headers].join('\r\n')));
  await until('an answer', () => said.includes('here is') || said.includes('"status"'));
  return { socket, over, status: statusOf(said), said };
}

describe('WebSockets', () => {
  test('are limited by user, by address, and in all; closing one allows another', async () => {
    const legacy = await socketService('legacy');
    const gateway = await running(
      startGateway({ legacy: { saju: legacy.url }, limits: { maxTunnels: 6, maxTunnelsPerClient: 2 } }),
    );
    const by = {
      alice: 'X-User-Id: alice',
      token: `Authorization: Bearer ${tokenOf('user')}`,
      bob: 'X-User-Id: bob',
      address: 'X-Forwarded-For: 203.0.113.7',
      edge: 'X-A: 1',
    };
    const first = await openTunnel(gateway, by.alice);
    // The same user, whichever way it is known, and by whichever address.
    expect((await openTunnel(gateway, by.token, by.address)).status).toBe(101);
    const third = await openTunnel(gateway, by.alice);
    expect(third.status).toBe(429);
    expect(third.said).toMatch(/Retry-After: \d+\r\n[\s\S]*"type":"rate_limited"/);
    for (const status of [101, 101, 429]) expect((await openTunnel(gateway, by.address)).status).toBe(status);
    expect((await openTunnel(gateway, by.bob)).status).toBe(101);
    // Whom an edge does not name is counted among all alone.
    expect((await openTunnel(gateway, by.edge)).status).toBe(101);
    const seventh = await openTunnel(gateway, by.edge);
    expect(seventh.status).toBe(503);
    expect(seventh.said).toMatch(/Retry-After: \d+\r\n/);
    expect(legacy.sockets.size).toBe(6);
    expect(await metricsOf(gateway)).toMatch(/^gateway_tunnels 6$/m);
    first.socket.destroy();
    await until('its place to be free', async () => (await openTunnel(gateway, by.alice)).status === 101);
    expect((await openTunnel(gateway, by.alice)).status).toBe(503);
  });

  test('that wait count too, and those that are refused do not', async () => {
    const legacy = await socketService('legacy');
    const gateway = await running(
      startGateway({ legacy: { saju: legacy.url }, limits: { maxTunnels: 1, maxTunnelsPerClient: 0 } }),
    );
    for (let time = 0; time < 3; time++)
      expect((await openTunnel(gateway, 'Authorization: Bearer forged')).status).toBe(401);
    gateway.controls.held = 'writes';
    const waiting = openTunnel(gateway);
    await until('it to wait', async () => (await openTunnel(gateway)).status === 503);
    gateway.controls.lift();
    expect((await waiting).status).toBe(101);
  });

  test.each(['user', 'cube'] as const)('end with the token of a %s: at its time, and with its secret', async (kind) => {
    const legacy = await socketService('legacy');
    const gateway = await running(startGateway({ legacy: { saju: legacy.url } }));
    const verifier = kind === 'user' ? gateway.userTokens : gateway.cubeTokens;
    const secret = kind === 'user' ? userSecret : cubeSecret;
    const by = (seconds: number) => openTunnel(gateway, `Authorization: Bearer ${tokenOf(kind, seconds)}`);
    const expires = Math.floor(Date.now() / 1000) + 2;
    const [short, long, none] = await Promise.all([by(2), by(600), openTunnel(gateway)]);
    expect([short.status, long.status, none.status]).toEqual([101, 101, 101]);
    expect(await short.over).toBeGreaterThanOrEqual(expires);
    const changed = 'another secret, of thirty-two bytes at least';
    verifier.useSecrets({ current: changed, previous: secret });
    expect([long.socket.destroyed, none.socket.destroyed]).toEqual([false, false]);
    verifier.useSecrets({ current: changed });
    await long.over;
    expect(none.socket.destroyed).toBe(false);
    await until('the service to be let go', () => legacy.sockets.size === 1);
    none.socket.destroy();
  });
});
