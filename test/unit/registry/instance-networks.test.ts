import { expect, test } from 'vitest';
import { createInstanceFilter } from '../../../src/registry/instance-networks.js';
import type { InstanceEntry } from '../../../src/registry/instances.js';

const told: string[] = [];
const at = (url: string, instance_id = 'one'): InstanceEntry => ({
  cube_id: 'saju-cube',
  instance_id,
  url,
  version: '1.0.0',
  state: 'ready',
  started_at: 0,
  heartbeat_at: 0,
});
const filter = (...networks: string[]) => {
  told.length = 0;
  return createInstanceFilter(networks, (sentence) => told.push(sentence));
};

test('without networks every instance is accepted, without a warning', () => {
  const admits = filter();
  for (const url of ['http://127.0.0.1:8001', 'http://saju-cube:8001', 'http://169.254.169.254'])
    expect(admits(at(url))).toBe(true);
  expect(told).toEqual([]);
});

test.each([
  ['http://10.0.0.1:8001', true],
  ['http://10.255.255.255', true],
  ['http://192.168.7.7:1', true],
  ['http://[fd00::1]:8001', true],
  ['http://[::ffff:10.0.0.1]:8001', true],
  // A URL has more spellings of an address than one.
  ['http://0x0a.1:8001', true],
  ['http://11.0.0.1:8001', false],
  ['http://192.168.7.8', false],
  ['http://169.254.169.254/latest/meta-data', false],
  ['http://127.0.0.1:6379', false],
  ['http://2130706433:8001', false],
  ['http://[::1]:8001', false],
  ['http://10.0.0.1@169.254.169.254', false],
  ['http://10.0.0.1.example.com', false],
  ['http://saju-cube:8001', false],
  ['http://localhost:8001', false],
])('%s: %s', (url, taken) => {
  expect(filter('10.0.0.0/8', '192.168.7.7', 'fd00::/8')(at(url))).toBe(taken);
});

test('warns once of each instance outside, with only its name and host', () => {
  const admits = filter('10.0.0.0/8');
  for (let look = 0; look < 3; look++) {
    expect(admits(at('http://user:word@169.254.169.254/path'))).toBe(false);
    expect(admits(at('http://elsewhere:8001', 'two'))).toBe(false);
    expect(admits(at('http://10.0.0.1:8001', 'three'))).toBe(true);
  }
  expect(told).toEqual([
    'Instance one of saju-cube is ignored: 169.254.169.254 is no address in INSTANCE_NETWORKS.',
    'Instance two of saju-cube is ignored: elsewhere is no address in INSTANCE_NETWORKS.',
  ]);
});
