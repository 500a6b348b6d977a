import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';
import type { Reader } from '../../../src/config/variable.js';
import { variablesOf } from '../../../src/config/variables.js';
import { programs, runCubes } from '../../../src/stack/programs/programs.js';
import { defaultUser, redisRights } from '../../../src/stack/servers/redis-server.js';
import {
  activeServices,
  type ComposeFile,
  parseComposeFile,
  readComposeFile,
} from '../../support/compose/compose-file.js';
import { MissingVariable, parseEnvFile } from '../../support/compose/interpolation.js';
import { newEnvironment } from '../../support/compose/new-environment.js';
import { brokenRules } from '../../support/compose/rules.js';
import { until } from '../../support/conditions.js';

/** docker-compose.yml, by the rules of Compose and by this project's own. */
const root = packageRoot();
const path = join(root, 'docker-compose.yml');
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-compose-'));
const variables = newEnvironment(mkdtempSync(join(folder, 'checkout-')), '--stand-in');
const file = readComposeFile(path, variables);
const services = Object.entries(file.services);
const engineServices = services.filter(([, { image }]) => image.startsWith('cubeshift/'));

afterAll(() => rmSync(folder, { recursive: true }));

test('the new .env is readable by its user alone, and a second call leaves it as it is', () => {
  const checkout = mkdtempSync(join(folder, 'checkout-'));
  newEnvironment(checkout);
  const file = join(checkout, '.env');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const written = readFileSync(file, 'utf8');
  expect(() => newEnvironment(checkout)).toThrow('.env is there already; it was not changed.');
  expect(readFileSync(file, 'utf8')).toBe(written);
  expect(readdirSync(checkout).sort()).toEqual(['.env', '.env.example', 'deploy']);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 143],
] as const)('the script that %s ends while it writes .env leaves no file with secrets', async (signal, code) => {
  const checkout = mkdtempSync(join(folder, 'checkout-'));
  cpSync(join(root, 'deploy/new-env.sh'), join(checkout, 'deploy/new-env.sh'));
  // The script reads on until it is ended.
  execFileSync('sh', ['-c', 'mkfifo .env.example'], { cwd: checkout });
  const script = spawn('sh', ['deploy/new-env.sh'], { cwd: checkout, stdio: 'ignore' });
  const writer = spawn('sh', ['-c', "exec >.env.example; echo 'CUBE_JWT_SECRET='; exec sleep 60"], { cwd: checkout });
  const parts = () => readdirSync(checkout).filter((name) => name.startsWith('.env.new.'));
  await until('the secret', async () => parts().some((name) => statSync(join(checkout, name)).size > 40));
  script.kill(signal);
  writer.kill();
  expect(await once(script, 'exit')).toEqual([code, null]);
  expect(readdirSync(checkout).sort()).toEqual(['.env.example', 'deploy']);
});

test('git keeps no .env and no part of one, but the example', () => {
  const checkout = mkdtempSync(join(folder, 'checkout-'));
  execFileSync('git', ['init', '-q'], { cwd: checkout });
  cpSync(join(root, '.gitignore'), join(checkout, '.gitignore'));
  for (const name of ['.env', '.env.new.1', '.env.example']) writeFileSync(join(checkout, name), '');
  const listed = execFileSync('git', ['ls-files', '--others', '--exclude-standard'], {
    cwd: checkout,
    encoding: 'utf8',
  });
  expect(listed.trim().split('\n')).toEqual(['.env.example', '.gitignore']);
});

describe('by the rules of Compose', () => {
  const schema = JSON.parse(readFileSync(join(root, 'test/data/compose-spec/compose-spec.json'), 'utf8'));
  const validate = new Ajv({ strict: false, allErrors: true }).compile({ ...schema, $schema: undefined });

  test('the file fits the schema of the Compose specification', () => {
    validate(parseComposeFile(path));
    expect(validate.errors ?? []).toEqual([]);
    validate(file);
    expect(validate.errors ?? []).toEqual([]);
  });

  test('a misspelt word does not', () => {
    expect(validate({ services: { one: { image: 'one', healthchek: {} } } })).toBe(false);
    expect(validate({ services: { one: { image: 'one', depends_on: { two: { condition: 'healthy' } } } } })).toBe(
      false,
    );
  });

  test('what it refers to is there, nothing waits in a circle, and each port is published once', () => {
    expect(brokenRules(file)).toEqual([]);
  });

  test.each([
    ['an undefined volume', { one: { image: 'one', volumes: ['gone:/data'] } }],
    ['an undefined network', { one: { image: 'one', networks: ['gone'] } }],
    ['an undefined service', { one: { image: 'one', depends_on: on('two', 'service_started') } }],
    [
      'a service of another profile',
      { one: service('two', 'service_started'), two: { image: 'two', profiles: ['b'] } },
    ],
    ['health that is not checked', { one: service('two', 'service_healthy'), two: { image: 'two' } }],
    ['a circle', { one: service('two', 'service_started'), two: service('one', 'service_started') }],
    [
      'a port twice',
      { one: { image: 'one', ports: ['127.0.0.1:1:2'] }, two: { image: 'two', ports: ['127.0.0.1:1:3'] } },
    ],
  ])('%s is found', (_, services) => {
    expect(brokenRules({ services, networks: {}, volumes: {} } as ComposeFile)).not.toEqual([]);
  });

  test('each variable without a default is refused by name where it is missing, and is in .env.example', () => {
    const example = parseEnvFile(readFileSync(join(root, '.env.example'), 'utf8'));
    const missing = [];
    const known: Record<string, string> = {};
    for (;;) {
      try {
        readComposeFile(path, known);
        break;
      } catch (error) {
        if (!(error instanceof MissingVariable)) throw error;
        missing.push(error.variable);
        known[error.variable] = 'x';
      }
    }
    expect(missing).toContain('CUBE_JWT_SECRET');
    expect(Object.keys(example)).toEqual(expect.arrayContaining(missing));
    expect(missing.filter((name) => variables[name] === '')).toEqual([]);
  });

  test('without the stand-in the addresses of the monolith are the only ones to fill in', () => {
    const empty = Object.entries(newEnvironment(mkdtempSync(join(folder, 'checkout-')))).flatMap(([name, value]) =>
      value === '' ? [name] : [],
    );
    expect(empty).toEqual([
      'COMPOSE_PROFILES',
      'LEGACY_DATABASE_URL',
      'SAJU_CUBE_LEGACY_URL',
      'LEGACY_SAJU_URL',
      'AI_CUBE_LEGACY_URL',
      'LEGACY_AI_URL',
      'PAPERWORK_CUBE_LEGACY_URL',
      'LEGACY_PAPERWORK_URL',
      'CRAWLER_CUBE_LEGACY_URL',
      'LEGACY_CRAWLER_URL',
      'CRAWLER_ALLOWED_TARGETS',
      'ESCALATION_WEBHOOK_URL',
    ]);
    expect([...activeServices(file, [])].filter(([name]) => /legacy|stand-in/.test(name))).toEqual([]);
  });
});

describe('images', () => {
  test.each([...new Set(engineServices.map(([, { image }]) => image))])(
    '%s is built by one service and pulled by none',
    (image) => {
      const users = engineServices.filter(([, other]) => other.image === image);
      const builders = users.filter(([, { build }]) => build !== undefined);
      expect(builders.map(([name]) => name)).toHaveLength(1);
      for (const [name, { build, pull_policy }] of users)
        expect({ name, pull_policy }).toEqual({ name, pull_policy: build ? 'build' : 'never' });
      // Whichever service is started alone: what it waits for builds its image. The command line is run when the rest runs.
      for (const [name] of users) if (name !== 'cubeshift') expect(withDependencies(name)).toContain(builders[0]?.[0]);
    },
  );

  test('no value of .env is an argument of a build', () => {
    const args = engineServices.flatMap(([, { build }]) => Object.keys(build?.args ?? {}));
    expect(new Set(args)).toEqual(new Set(['CUBESHIFT_COMMIT']));
    expect(Object.keys(variables)).not.toContain('CUBESHIFT_COMMIT');
    expect(readFileSync(join(root, 'deploy/Dockerfile.dockerignore'), 'utf8').split('\n')[0]).toBe('*');
  });
});

describe('secrets', () => {
  const secrets = Object.entries(variables)
    .filter(([name]) => /_(PASSWORD|SECRET)$/.test(name))
    .map(([, value]) => value);

  test('each is new, and on no command line', () => {
    expect(new Set(secrets).size).toBe(22);
    for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{48}$/);
    const lines = JSON.stringify(
      services.map(([, { command, entrypoint, healthcheck }]) => [command, entrypoint, healthcheck]),
    );
    expect(secrets.filter((secret) => lines.includes(secret))).toEqual([]);
  });

  test('a program gets those variables that it reads, and no other', () => {
    for (const [name, { environment = {} }] of engineServices)
      expect({ name, unread: Object.keys(environment).filter((variable) => !isReadBy(name, variable)) }).toEqual({
        name,
        unread: [],
      });
  });

  test('each program has a role of its own, as in the embedded stack', () => {
    const cubes = runCubes.map(({ cubeId, roles }) => ({ name: cubeId, roles }));
    const roles = [...programs, ...cubes].map(({ name, roles }) => [name.replace(/-1$/, ''), roles] as const);
    for (const [name, { legacy, cube }] of roles) {
      const { CUBE_DATABASE_URL, AUDIT_DATABASE_URL, LEGACY_DATABASE_URL, ...others } =
        file.services[name]?.environment ?? {};
      expect({ name, cube: userOf(CUBE_DATABASE_URL ?? AUDIT_DATABASE_URL) }).toEqual({ name, cube });
      expect({
        name,
        legacy: userOf(
          LEGACY_DATABASE_URL ?? Object.entries(others).find(([key]) => key.endsWith('_CUBE_LEGACY_URL'))?.[1],
        ),
      }).toEqual({ name, legacy });
    }
  });

  test('the users of Redis have the rights that they have in the embedded stack', () => {
    const command = file.services.redis?.command?.join(' ');
    expect(command).toContain(`"${defaultUser}"`);
    expect(command).toMatch(/"user cubeshift reset on >\$\$?REDIS_PASSWORD (.*)"/);
    expect(command).toContain(`REDIS_PASSWORD ${redisRights}"`);
  });

  test('every port is open on the loopback address of the host alone', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test('the programs of the image have no right of the kernel, and write into their volumes and /tmp alone', () => {
    for (const [name, { read_only, cap_drop, security_opt, tmpfs, user }] of engineServices)
      expect({ name, read_only, cap_drop, security_opt, tmpfs, user }).toEqual({
        name,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        tmpfs: ['/tmp'],
        user: undefined,
      });
  });
});

test('the kill switches are in a volume that gateway, control worker and control API share', () => {
  const sharing = engineServices.filter(([, { environment }]) => environment?.STATE_DIR !== undefined);
  expect(sharing.map(([name]) => name)).toEqual(['worker-control', 'control', 'api-gateway-cube']);
  for (const [, { environment, volumes }] of sharing) {
    expect(environment?.STATE_DIR).toBe('/state');
    expect(volumes).toContain('state:/state');
  }
});

test('whatever runs for long has a health check, but for the Web UI of Temporal', () => {
  const unchecked = services.filter(
    ([, { healthcheck, restart }]) => restart === 'unless-stopped' && healthcheck === undefined,
  );
  expect(unchecked.map(([name]) => name)).toEqual(['temporal-ui']);
});

function on(name: string, condition: string) {
  return { [name]: { condition, required: true } };
}

function service(name: string, condition: string) {
  return { image: 'one', depends_on: on(name, condition) };
}

function withDependencies(name: string): readonly string[] {
  return [name, ...Object.keys(file.services[name]?.depends_on ?? {}).flatMap(withDependencies)];
}

function isReadBy(name: string, variable: string): boolean {
  const readers: Readonly<Record<string, readonly Reader[]>> = {
    'worker-control': ['control-worker'],
    'worker-bulk': ['bulk-worker'],
    'worker-documents': ['documents-worker'],
    'worker-crawler': ['crawler-worker'],
    control: ['control-api'],
    'cube-database': ['database-setup'],
    cubeshift: ['command-line'],
    'security-cube': ['cube', 'security-cube'],
    'monitoring-cube': ['cube', 'monitoring-cube'],
    'saju-cube': ['cube', 'saju-cube'],
    'ai-cube': ['cube', 'ai-cube'],
    'paperwork-cube': ['cube', 'paperwork-cube'],
    'crawler-cube': ['cube', 'crawler-cube'],
    'api-gateway-cube': ['api-gateway-cube'],
    'stand-in': ['legacy-saju'],
    'legacy-saju': ['legacy-saju'],
    'legacy-ai': ['legacy-ai'],
    'legacy-paperwork': ['legacy-paperwork'],
    'legacy-crawler': ['legacy-crawler'],
  };
  const read: readonly string[] = variablesOf(...(readers[name] ?? []));
  return read.includes(variable) || (/^legacy-/.test(name) && variable === 'HOST');
}

function userOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).username;
}
