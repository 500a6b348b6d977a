import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { databaseRoles } from '../../src/stack/servers/postgres-roles.js';
import type { Said } from '../support/command-line.js';
import { activeServices } from '../support/compose/compose-file.js';
import { documentedBlock, documentedWords } from '../support/compose/documented.js';
import { newEnvironment } from '../support/compose/new-environment.js';
import { reachOf } from '../support/compose/reach.js';
import { until } from '../support/conditions.js';
import { ComposeHost } from '../support/containers/compose-host.js';
import { writeInto } from '../support/containers/files.js';
import { tokenOf } from '../support/gateway.js';

/**
 * docker-compose.yml without Docker: each service's own command, variables, user, volumes and rights, in a root that the
 * steps of the Dockerfile made, in the order of the health checks; by the commands of docs/containers.md.
 */
const checkout = mkdtempSync(join(tmpdir(), 'cubeshift-containers-'));
const variables = newEnvironment(checkout, ...documentedWords('sh deploy/new-env.sh').slice(2));
const secrets = Object.entries(variables).flatMap(([name, value]) => (/_(PASSWORD|SECRET)$/.test(name) ? [value] : []));
const commit = '0123456789abcdef0123456789abcdef01234567';
let compose: ComposeHost;
let filled: Said;

beforeAll(async () => {
  compose = await ComposeHost.start({ ...variables, CUBESHIFT_COMMIT: commit }, checkout);
  filled = await run('docker compose run --rm stand-in', (word) => word.replace('20000', '2000'));
  await compose.up();
}, 240_000);
afterAll(async () => {
  await compose.stop();
  rmSync(checkout, { recursive: true });
  expect(existsSync(compose.imagesFolder)).toBe(false);
});

test('the stand-in is filled by the documented command, and `up` leaves it as it is', () => {
  expect(ok(filled)).toBe('');
  expect(filled.stderr).toContain('legacy stand-in: 2000 saju records');
  expect(compose.logs('stand-in')).toBe('legacy stand-in: its tables are there already; nothing was changed\n');
});

test('a migration comes to `verified` by the command line in a container', async () => {
  const stdout = ok(await run('docker compose run --rm cubeshift migrate start'));
  expect(stdout).toContain('saju-records first: waiting at verified');
  expect(stdout).toContain('verification clean, 1980 rows compared');
  expect(ok(await run('docker compose run --rm cubeshift migrate rejects'))).toContain(
    'cubeshift migrate complete first',
  );
});

test('the image names the commit that it was built with', async () => {
  expect(ok(await compose.run('cubeshift', '--version'))).toContain(commit.slice(0, 7));
});

test('the command line of the host reaches the control API with the secret of .env', async () => {
  // What npx finds by itself in a checkout.
  mkdirSync(join(checkout, 'bin'));
  writeInto(checkout, 'bin/npx', `#!/bin/sh\nshift\nexec node ${packageRoot()}/bin/cubeshift.mjs "$@"\n`, 0o755);
  const environment = { PATH: `${join(checkout, 'bin')}:${process.env.PATH}` };
  const said = await compose.onHost(
    ['sh', '-ec', documentedBlock('npx cubeshift migrate status')],
    environment,
    checkout,
  );
  expect(ok(said)).toContain('saju-records first: waiting at verified');
  expect(said.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/m);
});

test('the kill switch is a file in a running gateway: users go to legacy, and come back when it is gone', async () => {
  const user = tokenOf('user', 600, variables.USER_JWT_SECRET);
  const side = async () => (await get('http://127.0.0.1:8088/api/saju/users/alice/records', user))['x-cube-target'];
  const becomes = (expected: string) => until(`users to be on ${expected}`, async () => (await side()) === expected);
  ok(await compose.run('cubeshift', 'traffic', 'set', 'saju', '100'));
  await becomes('cube');
  ok(await run('docker compose exec api-gateway-cube sh'));
  await becomes('legacy');
  expect(ok(await compose.exec('worker-control', 'ls', '/state/kill-switch'))).toBe('saju\n');
  ok(await run('docker compose exec api-gateway-cube rm'));
  await becomes('cube');
  ok(await run('docker compose run --rm cubeshift --by minji traffic set'));
  expect(ok(await compose.run('cubeshift', 'audit', 'list'))).toContain('minji');
});

test('each program is in the cube database by its own role, and none of them is a superuser', async () => {
  const superusers = await queryCube<{ rolname: string }>('select rolname from pg_roles where rolsuper');
  expect(superusers).toEqual([{ rolname: 'administrator' }]);
  // A session of the control API, which ends when it has been idle.
  ok(await compose.run('cubeshift', 'migrate', 'list'));
  const sessions = await queryCube<{ usename: string }>(
    `select distinct usename from pg_stat_activity where application_name ~ '^cubeshift'`,
  );
  const names = sessions.map(({ usename }) => usename);
  expect(names).toContain('control_api');
  const programs: readonly string[] = databaseRoles.cube.programs.map(({ name }) => name);
  expect(names.filter((name) => !programs.includes(name))).toEqual([]);
});

test('the setup of the cube database can be repeated while programs run, and names a missing role', async () => {
  ok(await compose.run('cube-database'));
  expect(ok(await compose.run('cubeshift', 'migrate', 'status', 'first'))).toContain('waiting at verified');
  const refused = await compose.exec(
    'control',
    'env',
    'CUBE_ROLE_PASSWORDS=cubes=x',
    'CUBE_ADMINISTRATOR_URL=postgres://a:b@c/d',
    'node',
    'dist/src/stack/database-setup.js',
  );
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('CUBE_ROLE_PASSWORDS has no password of bulk_worker.');
});

test('no secret is on a command line, in an image, or in a file that others can read', async () => {
  const commandLines = await compose.onHost(['sh', '-c', 'cat /proc/[0-9]*/cmdline'], { PATH: process.env.PATH ?? '' });
  expect(commandLines.stdout).toContain('dist/src/workers/bulk.js');
  expect(commandLines.stdout).toContain('redis-server');
  expect(secrets.filter((secret) => commandLines.stdout.includes(secret))).toEqual([]);
  const files = ['build', 'engine', 'stand-in']
    .flatMap((name) => filesOf(join(compose.imagesFolder, name)))
    .map((file) => readFileSync(file, 'latin1'));
  expect(files.length).toBeGreaterThan(100);
  expect(secrets.filter((secret) => files.some((text) => text.includes(secret)))).toEqual([]);
  expect(ok(await compose.exec('redis', 'ls', '-l', '/tmp/redis.conf'))).toMatch(/^-rw------- /);
});

test('no program logs a secret', () => {
  for (const name of Object.keys(compose.file.services))
    expect(secrets.filter((secret) => compose.logs(name).includes(secret))).toEqual([]);
});

test('each container reaches the servers in its networks by name, and no other by name or address', async () => {
  const running = [...activeServices(compose.file, ['stand-in'])].filter(
    ([name, { restart }]) => restart === 'unless-stopped' && name !== 'temporal-ui',
  );
  const servers = running.flatMap(([name, { ports }]) => {
    const inside: Readonly<Record<string, number>> = {
      'temporal-postgres': 5432,
      'legacy-saju': 8011,
      'legacy-ai': 8012,
      'legacy-paperwork': 8013,
      'legacy-crawler': 8014,
    };
    const port = inside[name] ?? ports?.[0]?.split(':').at(-1);
    return port === undefined ? [] : [{ name, port: Number(port), addresses: compose.addressesOf(name) }];
  });
  expect(servers).toHaveLength(17);
  for (const [name] of running) {
    const reached = JSON.parse(ok(await compose.exec(name, 'node', '-e', connections(servers))));
    const expected = reachOf(compose.file, name).filter((other) => other !== 'temporal-ui');
    const others = (list: readonly string[]) => list.filter((other) => other !== name).sort();
    expect({ name, byName: others(reached.byName), byAddress: others(reached.byAddress) }).toEqual({
      name,
      byName: [...expected].sort(),
      byAddress: [...expected].sort(),
    });
  }
});

test('the programs write nowhere but into /tmp and their volume', async () => {
  const refused = await compose.exec('control', 'touch', '/app/x', '/home/node/x', '/usr/bin/x', '/etc/x');
  expect(refused.stderr.match(/Read-only file system|Permission denied/g)).toHaveLength(4);
  ok(await compose.exec('control', 'touch', '/tmp/x', '/state/x'));
});

test('what is stopped and brought up again is as it was', async () => {
  const before = ok(await compose.run('cubeshift', 'migrate', 'status', 'first'));
  const codes = await compose.down();
  expect(Object.entries(codes).filter(([, code]) => code !== 0)).toEqual([]);
  expect(Object.keys(codes)).toEqual(expect.arrayContaining(['worker-bulk', 'cube-postgres', 'redis', 'temporal']));
  await compose.up();
  expect(ok(await compose.run('cubeshift', 'migrate', 'status', 'first'))).toBe(before);
}, 240_000);

/** A script that prints which servers accept a connection: by their name, and by any of their addresses. */
function connections(servers: readonly { name: string; port: number; addresses: readonly string[] }[]): string {
  return `const { connect } = require('node:net');
    const accepts = (host, port) => new Promise((resolve) => {
      const socket = connect({ host, port, timeout: 2000 }, () => end(true));
      const end = (accepted) => (socket.destroy(), resolve(accepted));
      socket.on('error', () => end(false)).on('timeout', () => end(false));
    });
    const servers = ${JSON.stringify(servers)};
    const named = async (hostsOf) => {
      const accepted = await Promise.all(servers.map(async (server) =>
        (await Promise.all(hostsOf(server).map((host) => accepts(host, server.port)))).includes(true)));
      return servers.filter((_, place) => accepted[place]).map(({ name }) => name);
    };
    (async () => console.log(JSON.stringify({
      byName: await named(({ name }) => [name]),
      byAddress: await named(({ addresses }) => addresses),
    })))();`;
}

/** Runs the command of the page that begins so. */
function run(beginning: string, change = (word: string) => word): Promise<Said> {
  const [, , verb, ...words] = documentedWords(beginning).map(change);
  const [name = '', ...command] = words.filter((word) => word !== '--rm');
  return verb === 'run' ? compose.run(name, ...command) : compose.exec(name, ...command);
}

function ok({ code, stdout, stderr }: Said): string {
  if (code !== 0) throw new Error(`ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** The headers of an answer, as a client on the host gets it. */
async function get(url: string, token: string): Promise<Readonly<Record<string, string>>> {
  const script = `const headers = { authorization: 'Bearer ' + process.env.TOKEN };
    console.log(JSON.stringify(Object.fromEntries((await fetch('${url}', { headers })).headers)))`;
  return JSON.parse(await scriptOnHost(script, { TOKEN: token }));
}

/** What the administrator of the cube database reads, over the port that is published. */
async function queryCube<Row>(sql: string): Promise<readonly Row[]> {
  const script = `import pg from 'pg';
    const client = new pg.Client({ connectionString: process.env.URL });
    await client.connect();
    console.log(JSON.stringify((await client.query(${JSON.stringify(sql)})).rows));
    await client.end();`;
  const url = `postgres://administrator:${variables.CUBE_ADMINISTRATOR_PASSWORD}@127.0.0.1:5433/cubes`;
  return JSON.parse(await scriptOnHost(script, { URL: url }));
}

async function scriptOnHost(script: string, environment: Readonly<Record<string, string>>): Promise<string> {
  return ok(await compose.onHost([process.execPath, '--input-type=module', '-e', script], environment));
}

/** The files that the steps of images made, without the machine’s programs and packages. */
function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'usr'].includes(entry.name) ? [] : filesOf(path);
    return entry.isFile() && statSync(path).size < 20_000_000 ? [path] : [];
  });
}
