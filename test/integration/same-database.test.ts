import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkDatabases } from '../../src/kinds/rows/preflight/preflight.js';
import { sajuRecordsMapping } from '../../src/kinds/saju-records/mapping.js';
import { openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from '../support/conditions.js';

/** A PostgreSQL with two ways in that are told apart on the server itself: 127.0.0.1 and a socket in the file system. */
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-two-ways-'));
const look = { signal: new AbortController().signal, onRange: () => undefined };
const ends: (() => Promise<unknown>)[] = [];
let byAddress: string;
let bySocket: string;

beforeAll(async () => {
  const program = await ensureArtifact('postgres', defaultCacheFolder(process.env), () => undefined);
  const port = String(await choosePort(0, new Set()));
  const [data, sockets, passwordFile] = [join(folder, 'data'), join(folder, 'sockets'), join(folder, 'password')];
  for (const made of [data, sockets]) mkdirSync(made, { mode: 0o700 });
  writeFileSync(passwordFile, 'known');
  // PostgreSQL refuses to run as root.
  const nobody = 65_534;
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    chmodSync(folder, 0o755);
    for (const path of [data, sockets, passwordFile]) chownSync(path, nobody, nobody);
  }
  const as = isRoot
    ? [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        '--inh-caps=+dac_override',
        '--ambient-caps=+dac_override',
        '--securebits=+no_setuid_fixup',
        '--',
      ]
    : [];
  const [make = '', ...how] = [...as, join(dirname(program), 'initdb'), '-D', data, '-U', 'both'];
  await promisify(execFile)(make, [...how, '--locale=C.UTF-8', '--auth=scram-sha-256', `--pwfile=${passwordFile}`]);
  const [start = '', ...options] = [...as, program, '-D', data, '-p', port, '-k', sockets, '-h', '127.0.0.1'];
  const server = spawn(start, options, { stdio: 'ignore' });
  ends.push(async () => {
    server.kill('SIGINT');
    await once(server, 'exit');
  });
  byAddress = `postgres://both:known@127.0.0.1:${port}/postgres`;
  bySocket = `postgres://both:known@${encodeURIComponent(sockets)}:${port}/postgres`;
  await until('the server to answer', () =>
    upgradeLedger(byAddress).then(
      () => true,
      () => false,
    ),
  );
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

test('preflight knows one database by a socket and by an address, whichever is which', async () => {
  for (const [legacyUrl, cubeUrl] of [
    [byAddress, bySocket],
    [bySocket, byAddress],
  ] as const) {
    const databases = openDatabases({ legacyUrl, cubeUrl }, 'cubeshift test', 2);
    try {
      const addresses = await Promise.all(
        [databases.legacy, databases.cube].map(async (pool) => {
          const { rows } = await pool.query<{ address: string | null }>('select inet_server_addr() as address');
          return rows[0]?.address;
        }),
      );
      expect(addresses.sort()).toEqual(['127.0.0.1', null]);
      await expect(checkDatabases(databases, [sajuRecordsMapping], look)).rejects.toMatchObject({
        type: 'configuration_invalid',
        message: 'LEGACY_DATABASE_URL and CUBE_DATABASE_URL name the same database.',
      });
    } finally {
      await databases.close();
    }
  }
});
