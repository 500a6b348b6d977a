import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkRequestedPorts, movedPorts } from '../../../src/stack/stack-ports.js';
import { choosePort } from '../../../src/state/ports.js';
import { type StackSettings, usualPorts } from '../../../src/state/settings.js';

let other: Server;
let taken: number;
let free: number;

beforeAll(async () => {
  other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  taken = (other.address() as AddressInfo).port;
  free = await choosePort(0, new Set());
});
afterAll(() => other.close());

test('a port that is named and taken is refused in one sentence, and nothing else is used in its place', async () => {
  await expect(checkRequestedPorts({ GATEWAY_PORT: String(taken) }, new Set())).rejects.toMatchObject({
    type: 'configuration_invalid',
    message: `Port ${taken}, which GATEWAY_PORT names, is taken by another program.`,
    hint: 'Name another port in GATEWAY_PORT, or leave it out: then `cubeshift up` finds a free one.',
  });
});

test('a port on which this stack listens already is its own', async () => {
  await checkRequestedPorts({ GATEWAY_PORT: String(taken) }, new Set([taken]));
});

test('a port that is free, none, and 0 are right', async () => {
  await checkRequestedPorts({ GATEWAY_PORT: String(free), CONTROL_PORT: '', SAJU_CUBE_PORT: '0' }, new Set());
});

test('two variables that name one port are refused', async () => {
  const both = { GATEWAY_PORT: String(free), CONTROL_PORT: String(free) };
  await expect(checkRequestedPorts(both, new Set())).rejects.toMatchObject({
    message: `CONTROL_PORT and GATEWAY_PORT name the same port, ${free}.`,
  });
});

test('a port that moved is said, once, and only where something of the stack listens there', () => {
  const ports = { ...usualPorts, gateway: 20_001, redis: 20_002, control: 20_003 } as StackSettings['ports'];
  const own = { REDIS_URL: 'redis://own' };
  const said = ['port 8088 is taken: api-gateway-cube uses 20001'];
  expect(movedPorts(undefined, { ports }, { control: 20_003 }, own)).toEqual(said);
  expect(movedPorts(usualPorts as StackSettings['ports'], { ports }, { control: 20_003 }, own)).toEqual(said);
  expect(movedPorts(ports, { ports }, {}, own)).toEqual([]);
});
