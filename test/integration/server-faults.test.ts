import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { inspectConfiguration } from '../../src/diagnosis/servers.js';
import { kindEntry, migrationKinds } from '../../src/domain/catalog.js';
import { servedCubes } from '../../src/domain/cubes.js';
import { connectRedis } from '../../src/redis/connection.js';
import { runCommand } from '../support/command-line.js';
import { createDatabase, createDatabases, dropDatabase, type TestDatabases } from '../support/databases.js';
import { OwnRedis } from '../support/own-redis.js';
import { createRole, type TestRole } from '../support/roles.js';
import { authorityFile, offerTls } from '../support/tls-postgres.js';

/** Each fault of a user's own servers, made on real ones: the sentence, the remedy, and how soon they are there. */
interface Fault {
  readonly variable: string;
  readonly environment: () => Readonly<Record<string, string>>;
  readonly sentence: () => string | RegExp;
  readonly remedy: () => string | RegExp;
  /** What `cubeshift check` ends with. */
  readonly code: 1 | 2 | 3;
  /** Within how many seconds it is there, when not two. */
  readonly seconds?: number;
}

/** Of every kind, in legacy. */
const tables = migrationKinds.flatMap((kind) => kindEntry(kind).tables.map(({ name }) => name));
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-faults-'));
const pem = join(packageRoot(), 'test', 'data', 'tls');
const identity = { key: readFileSync(join(pem, 'server.key')), cert: readFileSync(join(pem, 'server.pem')) };
const closers: (() => unknown)[] = [];
const ports: Record<'silent' | 'temporalTls' | 'temporalMutualTls' | 'temporalKey' | 'redisTls', number> = {
  silent: 0,
  temporalTls: 0,
  temporalMutualTls: 0,
  temporalKey: 0,
  redisTls: 0,
};
let databases: TestDatabases;
let redis: OwnRedis;
let roles: Record<'bare' | 'reader' | 'tlsOnly' | 'shutOut' | 'unconnected', TestRole>;
let cubeRole: TestRole;
let emptyUrl: string;
let privateUrl: string;

beforeAll(async () => {
  databases = await createDatabases(10);
  redis = await OwnRedis.start();
  const make = () => createRole(databases.legacy);
  roles = {
    bare: await make(),
    reader: await make(),
    tlsOnly: await make(),
    shutOut: await make(),
    unconnected: await make(),
  };
  cubeRole = await createRole(databases.cube);
  const name = new URL(databases.legacyUrl).pathname.slice(1);
  const { legacyUrl, cubeUrl, temporalAddress } = inject('servers');
  emptyUrl = await createDatabase(legacyUrl, `${name}_empty`);
  privateUrl = await createDatabase(cubeUrl, `${name}_private`);
  closers.push(
    () => dropDatabase(legacyUrl, `${name}_empty`),
    () => dropDatabase(cubeUrl, `${name}_private`),
  );
  await databases.legacy.query(`grant select on ${tables.join(', ')} to ${roles.reader.name}, ${roles.tlsOnly.name}`);
  await databases.legacy.query('revoke usage on schema public from public');
  await databases.legacy.query(
    `grant usage on schema public to ${roles.reader.name}, ${roles.tlsOnly.name}, ${roles.bare.name}`,
  );
  await databases.legacy.query(`revoke connect on database ${name} from public`);
  for (const role of [roles.bare, roles.reader, roles.tlsOnly, roles.shutOut])
    await databases.legacy.query(`grant connect on database ${name} to ${role.name}`);
  closers.push(
    await offerTls(legacyUrl, [
      `hostnossl all ${roles.tlsOnly.name} all reject`,
      `hostssl all ${roles.tlsOnly.name} all scram-sha-256`,
      `host all ${roles.shutOut.name} all reject`,
    ]),
  );
  ports.silent = await serve(createServer((socket) => socket.on('error', () => undefined)));
  ports.temporalTls = await serve(inFrontOf(temporalAddress, { ALPNProtocols: ['h2'] }));
  ports.temporalMutualTls = await serve(
    inFrontOf(temporalAddress, { ALPNProtocols: ['h2'], requestCert: true, ca: readFileSync(authorityFile) }),
  );
  ports.redisTls = await serve(inFrontOf(new URL(redis.url).host, {}));
  const keyed = createSecureServer(identity);
  keyed.on('stream', (stream) =>
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' }, { endStream: true }),
  );
  ports.temporalKey = await serve(keyed);
  const admin = connectRedis(redis.url, { onError: () => undefined });
  await once(admin, 'ready');
  await admin.call('ACL', ['SETUSER', 'default', 'off']).catch(() => undefined);
  await admin.call('ACL', ['SETUSER', 'programs', 'on', '>right', '~*', '&*', '+@all']);
  await admin.call('ACL', ['SETUSER', 'scriptless', 'on', '>right', '~*', '&*', '+@all', '-eval']);
  await admin.call('ACL', ['SETUSER', 'elsewhere', 'on', '>right', '~other:*', '&*', '+@all']);
  admin.disconnect();
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  for (const role of Object.values(roles)) await role.drop();
  await cubeRole.drop();
  await databases.drop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A real server behind TLS. */
function inFrontOf(address: string, options: TlsOptions): Server {
  const [host = '', port = ''] = address.split(':');
  return createTlsServer({ ...identity, ...options }, (near: TLSSocket) => {
    const far = connect({ host, port: Number(port) });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
    closers.push(() => near.destroy());
  });
}

function changed(
  url: string,
  part: Partial<Record<'username' | 'password' | 'pathname' | 'hostname' | 'port' | 'search', string>>,
): string {
  return Object.assign(new URL(url), part).href;
}

const legacy = (url: () => string) => () => ({ LEGACY_DATABASE_URL: url() });
const cube = (url: () => string) => () => ({ CUBE_DATABASE_URL: url() });
const role = () => new URL(databases.legacyUrl).username;
const database = () => new URL(databases.legacyUrl).pathname.slice(1);
const port = () => new URL(databases.legacyUrl).port;
const as = (name: keyof typeof roles, part: Parameters<typeof changed>[1] = {}) =>
  changed(roles[name].url(databases.legacyUrl), part);

const faults: Readonly<Record<string, Fault>> = {
  'PostgreSQL: a wrong password': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => changed(databases.legacyUrl, { password: 'wrong' })),
    sentence: () => `The legacy database refuses the password of role ${role()}, or has no such role.`,
    remedy: () => 'Correct user and password in LEGACY_DATABASE_URL.',
    code: 2,
  },
  'PostgreSQL: a role that does not exist': {
    variable: 'CUBE_DATABASE_URL',
    environment: cube(() => changed(databases.cubeUrl, { username: 'nobody_here' })),
    sentence: () => 'The cube database refuses the password of role nobody_here, or has no such role.',
    remedy: () => 'Correct user and password in CUBE_DATABASE_URL.',
    code: 2,
  },
  'PostgreSQL: no password': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => changed(databases.legacyUrl, { password: '' })),
    sentence: () => `The legacy database wants a password of role ${role()}, and LEGACY_DATABASE_URL has none.`,
    remedy: () => new RegExp(`^Write it into LEGACY_DATABASE_URL: postgres://${role()}:PASSWORD@`),
    code: 2,
  },
  'PostgreSQL: a database that does not exist': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => changed(databases.legacyUrl, { pathname: '/nowhere' })),
    sentence: () => 'The server of the legacy database has no database nowhere.',
    remedy: () => 'Correct the database in LEGACY_DATABASE_URL, or make it: CREATE DATABASE "nowhere";',
    code: 2,
  },
  'PostgreSQL: a port on which nothing listens': {
    variable: 'CUBE_DATABASE_URL',
    environment: cube(() => changed(databases.cubeUrl, { port: '1' })),
    sentence: () => 'The cube database cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    remedy: () => 'Start that server, or correct host and port in CUBE_DATABASE_URL.',
    code: 3,
  },
  'PostgreSQL: a host that cannot be resolved': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => changed(databases.legacyUrl, { hostname: 'nowhere.invalid' })),
    sentence: () => 'The legacy database cannot be reached: the host name nowhere.invalid cannot be resolved.',
    remedy: () => "Correct the host in LEGACY_DATABASE_URL, or this machine's name server.",
    code: 3,
  },
  'PostgreSQL: a server that says nothing': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => changed(databases.legacyUrl, { port: String(ports.silent) })),
    sentence: () =>
      `The legacy database cannot be reached: what listens on port ${ports.silent} of 127.0.0.1 does not answer as PostgreSQL does.`,
    remedy: () => 'Correct host and port in LEGACY_DATABASE_URL, or see whether that server hangs.',
    code: 3,
    // It might be busy.
    seconds: 6,
  },
  'PostgreSQL: TLS required': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => as('tlsOnly')),
    sentence: () =>
      `The legacy database takes role ${roles.tlsOnly.name} over TLS alone, and LEGACY_DATABASE_URL requests none.`,
    remedy: () => /^Add \?sslmode=verify-full&sslrootcert=FILE to LEGACY_DATABASE_URL; /,
    code: 2,
  },
  'PostgreSQL: a certificate of an unknown authority': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => as('tlsOnly', { search: 'sslmode=verify-full' })),
    sentence: () =>
      /^The legacy database cannot be reached: its TLS certificate is signed by an authority that this machine does not know /,
    remedy: () => "Name that authority's PEM file: ?sslmode=verify-full&sslrootcert=FILE in LEGACY_DATABASE_URL.",
    code: 3,
  },
  'PostgreSQL: a certificate of another host': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() =>
      as('tlsOnly', { hostname: '127.0.0.2', search: `sslmode=verify-full&sslrootcert=${authorityFile}` }),
    ),
    sentence: () => /^The legacy database cannot be reached: /,
    remedy: () => /LEGACY_DATABASE_URL/,
    code: 3,
  },
  'PostgreSQL: a server that does not speak TLS': {
    variable: 'CUBE_DATABASE_URL',
    environment: cube(() => changed(databases.cubeUrl, { search: 'sslmode=verify-full' })),
    sentence: () => 'The cube database cannot be reached: it does not speak TLS.',
    remedy: () => 'Turn TLS on at the server, or off here: sslmode=disable in CUBE_DATABASE_URL.',
    code: 3,
  },
  'PostgreSQL: an authority file that is missing': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => as('tlsOnly', { search: `sslmode=verify-full&sslrootcert=${folder}/none.pem` })),
    sentence: () => /^LEGACY_DATABASE_URL names by sslrootcert a file that does not exist/,
    remedy: () => 'Correct the environment variable and start again.',
    code: 2,
  },
  'PostgreSQL: an sslmode that does not exist': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => changed(databases.legacyUrl, { search: 'sslmode=requird' })),
    sentence: () =>
      /^LEGACY_DATABASE_URL must have an sslmode of disable, prefer, require, verify-ca, verify-full, no-verify/,
    remedy: () => 'Correct the environment variable and start again.',
    code: 2,
  },
  ...Object.fromEntries(
    [
      ['#', '%23'],
      ['/', '%2F'],
      ['?', '%3F'],
    ].map(([character, written]) => [
      `PostgreSQL: a password with ${character} in it`,
      {
        variable: 'CUBE_DATABASE_URL',
        environment: () => ({ CUBE_DATABASE_URL: `postgres://writer:1${character}2@127.0.0.1:5432/cubes` }),
        sentence: () =>
          new RegExp(`^CUBE_DATABASE_URL must have \\${character} of its user name or password written as ${written}`),
        remedy: () => 'Correct the environment variable and start again.',
        code: 2,
      } satisfies Fault,
    ]),
  ),
  'PostgreSQL: pg_hba.conf lets the role in from nowhere': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => as('shutOut')),
    sentence: () =>
      `The legacy database accepts no connection as role ${roles.shutOut.name} to database ${database()} from this machine.`,
    remedy: () =>
      `Add a line to pg_hba.conf at 127.0.0.1:${port()}: host ${database()} ${roles.shutOut.name} ADDRESS scram-sha-256; then reload the server.`,
    code: 2,
  },
  'PostgreSQL: a missing table': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => emptyUrl),
    sentence: () => 'The legacy database has no table public.saju_records.',
    remedy: () => 'Point LEGACY_DATABASE_URL at the HEAL7 database, or fix the named table or column.',
    code: 1,
  },
  'PostgreSQL: no CONNECT on the database': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => as('unconnected')),
    sentence: () => `Role ${roles.unconnected.name} may not connect to database ${database()} of the legacy database.`,
    remedy: () => `As its owner: GRANT CONNECT ON DATABASE "${database()}" TO "${roles.unconnected.name}";`,
    code: 2,
  },
  'PostgreSQL: no SELECT on the table': {
    variable: 'LEGACY_DATABASE_URL',
    environment: legacy(() => as('bare')),
    sentence: () => "The engine's role may not select on table public.saju_records of the legacy database.",
    remedy: () => `As the owner there: GRANT SELECT ON "public"."saju_records" TO "${roles.bare.name}";`,
    code: 1,
  },
  'PostgreSQL: no right to write for the saju cube': {
    variable: 'SAJU_CUBE_LEGACY_URL',
    environment: () => ({ SAJU_CUBE_LEGACY_URL: as('reader') }),
    sentence: () =>
      "The saju cube's role may not insert, update, delete on table public.saju_records of the legacy database.",
    remedy: () =>
      `As the owner there: GRANT INSERT, UPDATE, DELETE ON "public"."saju_records" TO "${roles.reader.name}";`,
    code: 1,
  },
  'PostgreSQL: no CREATE in the cube database, where no ledger is yet': {
    variable: 'CUBE_DATABASE_URL',
    environment: cube(() => cubeRole.url(privateUrl)),
    sentence: () => `The engine's role may not make schemas in database ${database()}_private of the cube database.`,
    remedy: () => `As the owner there: GRANT CREATE ON DATABASE "${database()}_private" TO "${cubeRole.name}";`,
    code: 1,
  },
  'PostgreSQL: both URLs the same': {
    variable: 'CUBE_DATABASE_URL',
    environment: () => ({
      LEGACY_DATABASE_URL: databases.legacyUrl,
      CUBE_DATABASE_URL: changed(databases.legacyUrl, { hostname: 'localhost' }),
    }),
    sentence: () => 'LEGACY_DATABASE_URL and CUBE_DATABASE_URL name the same database.',
    remedy: () => 'Give the cubes a database of their own.',
    code: 2,
  },
  'Redis: a wrong password': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: changed(redis.url, { username: 'programs', password: 'wrong' }) }),
    sentence: () => 'Redis refuses the password of user programs.',
    remedy: () => 'Correct user and password in REDIS_URL.',
    code: 2,
  },
  'Redis: no password': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: redis.url }),
    sentence: () => 'Redis wants a password, and REDIS_URL has none.',
    remedy: () => /^Write it into REDIS_URL: redis:\/\/default:PASSWORD@127\.0\.0\.1:\d+\.$/,
    code: 2,
  },
  'Redis: a password with # in it': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: 'redis://:a#b@127.0.0.1:6379' }),
    sentence: () => /^REDIS_URL must have # of its user name or password written as %23/,
    remedy: () => 'Correct the environment variable and start again.',
    code: 2,
  },
  'Redis: a user that may not run scripts': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: changed(redis.url, { username: 'scriptless', password: 'right' }) }),
    sentence: () => 'The user scriptless of Redis may not run EVAL.',
    remedy: () => 'As an administrator there: ACL SETUSER scriptless +eval',
    code: 1,
  },
  'Redis: a user that may use other keys alone': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: changed(redis.url, { username: 'elsewhere', password: 'right' }) }),
    sentence: () => 'The user elsewhere of Redis may not use the keys and channels of the programs.',
    remedy: () => /^As an administrator there: ACL SETUSER elsewhere ~/,
    code: 1,
  },
  'Redis: a port on which nothing listens': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: 'redis://127.0.0.1:1' }),
    sentence: () => 'The Redis server that REDIS_URL names cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    remedy: () => 'Start that server, or correct host and port in REDIS_URL.',
    code: 3,
  },
  'Redis: a host that cannot be resolved': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: 'redis://nowhere.invalid' }),
    sentence: () =>
      'The Redis server that REDIS_URL names cannot be reached: the host name nowhere.invalid cannot be resolved.',
    remedy: () => "Correct the host in REDIS_URL, or this machine's name server.",
    code: 3,
  },
  'Redis: a server that does not speak TLS': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: redis.url.replace('redis:', 'rediss:') }),
    sentence: () => 'The Redis server that REDIS_URL names cannot be reached: it does not speak TLS.',
    remedy: () => 'Turn TLS on at the server, or off here: redis:// in REDIS_URL.',
    code: 3,
  },
  'Redis: a certificate of an unknown authority': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: `rediss://programs:right@127.0.0.1:${ports.redisTls}` }),
    sentence: () =>
      /^The Redis server that REDIS_URL names cannot be reached: its TLS certificate is signed by an authority that this machine does not know /,
    remedy: () => "Name that authority's PEM file: NODE_EXTRA_CA_CERTS=FILE.",
    code: 3,
  },
  'Redis: TLS required': {
    variable: 'REDIS_URL',
    environment: () => ({ REDIS_URL: `redis://programs:right@127.0.0.1:${ports.redisTls}` }),
    sentence: () =>
      /^The Redis server that REDIS_URL names cannot be reached: what listens on port \d+ of 127\.0\.0\.1 does not answer as Redis does\.$/,
    remedy: () => 'Correct host and port in REDIS_URL; a server that speaks TLS is named rediss://….',
    code: 3,
  },
  'Temporal: a port on which nothing listens': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: '127.0.0.1:1' }),
    sentence: () => 'The Temporal server at 127.0.0.1:1 cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    remedy: () => 'Start that server, or correct host and port in TEMPORAL_ADDRESS.',
    code: 3,
  },
  'Temporal: a host that cannot be resolved': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: 'nowhere.invalid:7233' }),
    sentence: () =>
      'The Temporal server at nowhere.invalid:7233 cannot be reached: the host name nowhere.invalid cannot be resolved.',
    remedy: () => "Correct the host in TEMPORAL_ADDRESS, or this machine's name server.",
    code: 3,
  },
  'Temporal: TLS required': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporalTls}` }),
    sentence: () =>
      `The Temporal server at 127.0.0.1:${ports.temporalTls} cannot be reached: it speaks TLS, and TEMPORAL_TLS is off.`,
    remedy: () => /^Set TEMPORAL_TLS=on, and TEMPORAL_TLS_CA=FILE /,
    code: 3,
  },
  'Temporal: a certificate of an unknown authority': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporalTls}`, TEMPORAL_TLS: 'on' }),
    sentence: () =>
      /^The Temporal server at 127\.0\.0\.1:\d+ cannot be reached: its TLS certificate is signed by an authority that this machine does not know /,
    remedy: () => "Name that authority's PEM file: TEMPORAL_TLS_CA=FILE.",
    code: 3,
  },
  'Temporal: a certificate of one’s own required': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporalMutualTls}`, TEMPORAL_TLS: authorityFile }),
    sentence: () =>
      /^The Temporal server at 127\.0\.0\.1:\d+ cannot be reached: it refuses this program without a TLS certificate that it knows\.$/,
    remedy: () => 'Name a certificate that the server accepts: TEMPORAL_TLS_CERT=FILE and TEMPORAL_TLS_KEY=FILE.',
    code: 3,
  },
  'Temporal: a server that does not speak TLS': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: inject('servers').temporalAddress, TEMPORAL_TLS: 'on' }),
    sentence: () => /cannot be reached: it does not speak TLS\.$/,
    remedy: () => 'Turn TLS on at the server, or off here: TEMPORAL_TLS=off.',
    code: 3,
  },
  'Temporal: a namespace that does not exist': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: inject('servers').temporalAddress, TEMPORAL_NAMESPACE: 'nowhere' }),
    sentence: () => `The Temporal server at ${inject('servers').temporalAddress} has no namespace nowhere.`,
    remedy: () => /^Correct TEMPORAL_NAMESPACE, or make it: temporal operator namespace create --namespace nowhere /,
    code: 2,
  },
  'Temporal: an API key that it refuses': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({
      TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporalKey}`,
      TEMPORAL_TLS: authorityFile,
      TEMPORAL_API_KEY: 'a-key',
    }),
    sentence: () =>
      `The Temporal server at 127.0.0.1:${ports.temporalKey} refuses the key in TEMPORAL_API_KEY for namespace default.`,
    remedy: () => 'Set TEMPORAL_API_KEY to a key that holds for namespace default.',
    code: 2,
  },
  'Temporal: what listens is another program': {
    variable: 'TEMPORAL_ADDRESS',
    environment: () => ({ TEMPORAL_ADDRESS: new URL(redis.url).host }),
    sentence: () =>
      /^The Temporal server at 127\.0\.0\.1:\d+ cannot be reached: what listens at 127\.0\.0\.1:\d+ does not answer as Temporal does\.$/,
    remedy: () => /^Correct host and port in TEMPORAL_ADDRESS; /,
    code: 3,
  },
  'a service of the monolith that is away': {
    variable: 'LEGACY_SAJU_URL',
    environment: () => ({ LEGACY_SAJU_URL: 'http://127.0.0.1:1' }),
    sentence: () => 'The service that LEGACY_SAJU_URL names cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    remedy: () => 'Start that server, or correct host and port in LEGACY_SAJU_URL.',
    code: 3,
  },
};

describe('a fault of the user’s own servers', () => {
  test.each(Object.entries(faults))('%s: the sentence and the remedy, in time', async (_what, fault) => {
    const began = Date.now();
    const findings = await inspectConfiguration(fault.environment());
    const seconds = (Date.now() - began) / 1000;
    const finding = findings.find(({ name, ok }) => name === fault.variable && ok === false);
    expect(finding, JSON.stringify(findings)).toBeDefined();
    const matches = (text: string | RegExp) => (typeof text === 'string' ? text : expect.stringMatching(text));
    expect(finding).toMatchObject({ sentence: matches(fault.sentence()), remedy: matches(fault.remedy()) });
    expect(seconds).toBeLessThan(fault.seconds ?? 2);
  });
});

test('check says all of them at once, changes nothing, and ends as the worst of them', async () => {
  const wrong = {
    LEGACY_DATABASE_URL: as('bare'),
    CUBE_DATABASE_URL: changed(databases.cubeUrl, { password: 'wrong' }),
    LOG_LEVEL: 'loud',
  };
  const { code, stdout, stderr } = await runCommand(['check', '--json'], {
    ...wrong,
    CUBESHIFT_HOME: join(folder, 'home'),
  });
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  const findings = JSON.parse(stdout) as { name: string; ok: boolean | null }[];
  expect(Object.fromEntries(findings.map(({ name, ok }) => [name, ok]))).toEqual({
    LEGACY_DATABASE_URL: false,
    CUBE_DATABASE_URL: false,
    ...Object.fromEntries(servedCubes.map(({ legacyDatabaseVariable }) => [legacyDatabaseVariable, null])),
    REDIS_URL: null,
    TEMPORAL_ADDRESS: null,
    LOG_LEVEL: false,
  });
  expect(stdout).not.toContain('wrong@');
});

test('check of servers that are right is exit code 0', async () => {
  const right = {
    LEGACY_DATABASE_URL: as('tlsOnly', {
      hostname: 'localhost',
      search: `sslmode=verify-full&sslrootcert=${authorityFile}`,
    }),
    CUBE_DATABASE_URL: databases.cubeUrl,
    REDIS_URL: changed(redis.url, { username: 'programs', password: 'right' }),
    TEMPORAL_ADDRESS: `localhost:${ports.temporalTls}`,
    TEMPORAL_TLS: authorityFile,
  };
  const { code, stdout } = await runCommand(['check'], right);
  expect({ code, stdout }).toMatchObject({ code: 0 });
  expect(stdout.match(/^right /gm)).toHaveLength(4);
});

test.each([1, 2, 3] as const)(
  'up stops at such a fault before it starts anything, with exit code %i',
  async (code) => {
    const [, fault] =
      Object.entries(faults).find(([, one]) => one.code === code && one.variable === 'LEGACY_DATABASE_URL') ?? [];
    if (fault === undefined) throw new Error('there is such a fault');
    const home = join(folder, 'up');
    for (const args of [['up'], ['up', '--detach']]) {
      const said = await runCommand(args, { ...fault.environment(), CUBESHIFT_HOME: home });
      expect(said).toMatchObject({ code, stdout: '' });
      for (const text of [fault.sentence(), fault.remedy()]) {
        if (typeof text === 'string') expect(said.stderr).toContain(text);
      }
      expect(said.stderr).not.toContain('starting postgres');
    }
  },
  60_000,
);
