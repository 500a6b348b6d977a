import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';
import { readComposeFile } from '../../support/compose/compose-file.js';
import { newEnvironment } from '../../support/compose/new-environment.js';
import { needsOf, reachOf } from '../../support/compose/reach.js';

/** Which service of docker-compose.yml reaches which, from its networks. */
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-networks-'));
const file = readComposeFile(join(packageRoot(), 'docker-compose.yml'), newEnvironment(folder, '--stand-in'));
const names = Object.keys(file.services);
const reaching = (server: string) => names.filter((name) => reachOf(file, name).includes(server));
const needing = (server: string) => names.filter((name) => needsOf(file, name).includes(server));

afterAll(() => rmSync(folder, { recursive: true }));

test('every service names its networks, so that none is in the default one, and every network is used', () => {
  const used = names.map((name) => file.services[name]?.networks ?? []);
  expect(names.filter((_, place) => used[place]?.length === 0)).toEqual([]);
  expect([...new Set(used.flat())].sort()).toEqual(Object.keys(file.networks).sort());
});

test.each(names)('%s reaches every service that its variables name', (name) => {
  expect(reachOf(file, name)).toEqual(expect.arrayContaining([...needsOf(file, name)]));
});

test('needs are found in URLs, addresses and the registry', () => {
  expect(needsOf(file, 'temporal')).toEqual(['temporal-postgres']);
  expect(needsOf(file, 'cubeshift')).toEqual(['control']);
  expect(needsOf(file, 'api-gateway-cube')).toEqual([
    'redis',
    'security-cube',
    'monitoring-cube',
    'saju-cube',
    'ai-cube',
    'paperwork-cube',
    'crawler-cube',
    'legacy-saju',
    'legacy-ai',
    'legacy-paperwork',
    'legacy-crawler',
  ]);
});

describe('a server is reached by', () => {
  test.each([
    [
      'legacy-postgres',
      [
        'worker-control',
        'worker-bulk',
        'worker-documents',
        'worker-crawler',
        'saju-cube',
        'ai-cube',
        'paperwork-cube',
        'crawler-cube',
        'stand-in',
        'legacy-saju',
        'legacy-ai',
        'legacy-paperwork',
        'legacy-crawler',
      ],
    ],
    [
      'cube-postgres',
      [
        'cube-database',
        'worker-control',
        'worker-bulk',
        'worker-documents',
        'worker-crawler',
        'control',
        'security-cube',
        'saju-cube',
        'ai-cube',
        'paperwork-cube',
        'crawler-cube',
      ],
    ],
    [
      'redis',
      [
        'worker-control',
        'worker-bulk',
        'worker-documents',
        'worker-crawler',
        'control',
        'security-cube',
        'monitoring-cube',
        'saju-cube',
        'ai-cube',
        'paperwork-cube',
        'crawler-cube',
        'api-gateway-cube',
      ],
    ],
  ])('the services that use it alone: %s', (server, expected) => {
    expect(reaching(server)).toEqual(expected);
    expect(needing(server)).toEqual(expected);
  });

  test('the services that use it and its own database: temporal', () => {
    expect(needing('temporal')).toEqual([
      'temporal-ui',
      'worker-control',
      'worker-bulk',
      'worker-documents',
      'worker-crawler',
      'control',
    ]);
    expect(reaching('temporal')).toEqual(['temporal-postgres', ...needing('temporal')]);
  });
});

test('Temporal is in one network, as its image demands', () => {
  expect(file.services.temporal?.networks).toEqual(['temporal']);
});

test('what joins the edge reaches the gateway alone', () => {
  expect(names.filter((name) => file.services[name]?.networks?.includes('edge'))).toEqual(['api-gateway-cube']);
});

test('docs/containers.md lists each network with the services in it', () => {
  const page = readFileSync(join(packageRoot(), 'docs/containers.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w-]+)` +\| (.*) \| (.*) \|$/gm)];
  const documented = rows.map(([, network, servers, others]) => [
    network,
    [...words(servers), ...words(others)].sort(),
  ]);
  const members = (network: string) => names.filter((name) => file.services[name]?.networks?.includes(network)).sort();
  expect(documented).toEqual(Object.keys(file.networks).map((network) => [network, members(network)]));
});

function words(cell = ''): readonly string[] {
  return [...cell.matchAll(/`([\w-]+)`/g)].map(([, word = '']) => word);
}
