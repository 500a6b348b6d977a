import { describe, expect, test } from 'vitest';
import { crashPoints } from '../../../src/base/crash-points.js';
import { Failure } from '../../../src/base/failures.js';
import { readConfiguration } from '../../../src/config/configuration.js';
import { type VariableName, variableNames, variableTable } from '../../../src/config/variables.js';

/** Those that some program reads. */
const names = variableNames.filter((name) => variableTable[name].readers.length > 0);
const right = {
  STACK_ID: '',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
  TEMPORAL_NAMESPACE: 'default',
  TEMPORAL_TLS: 'off',
  TEMPORAL_TLS_CA: '',
  TEMPORAL_TLS_CERT: '',
  TEMPORAL_TLS_KEY: '',
  TEMPORAL_UI_URL: '',
  TEMPORAL_API_KEY: '',
  LEGACY_DATABASE_URL: 'postgres://user:word@127.0.0.1:5432/heal7',
  SAJU_CUBE_LEGACY_URL: 'postgres://user:word@127.0.0.1:5432/heal7',
  AI_CUBE_LEGACY_URL: 'postgres://user:word@127.0.0.1:5432/heal7',
  PAPERWORK_CUBE_LEGACY_URL: 'postgres://user:word@127.0.0.1:5432/heal7',
  CRAWLER_CUBE_LEGACY_URL: 'postgres://user:word@127.0.0.1:5432/heal7',
  LEGACY_MODEL_DIR: '',
  LEGACY_STORAGE_DIR: '',
  PAPERWORK_FILE_MIB: '4096',
  CUBE_STORAGE_URL: '',
  CUBE_STORAGE_ENDPOINT: '',
  CUBE_STORAGE_REGION: 'us-east-1',
  CUBE_STORAGE_ACCESS_KEY: '',
  CUBE_STORAGE_SECRET_KEY: '',
  AI_CUBE_MODELS_MIB: '1536',
  AI_CUBE_PROCESS_MIB: '512',
  DOCUMENT_PROCESSES: '2',
  DOCUMENT_PROCESS_MIB: '1024',
  CRAWLER_ALLOWED_TARGETS: '',
  CUBE_DATABASE_URL: 'postgresql://user:word@127.0.0.1:5433/cubes?sslmode=disable',
  AUDIT_DATABASE_URL: '',
  CUBE_ADMINISTRATOR_URL: 'postgres://administrator:word@127.0.0.1:5433/postgres',
  CUBE_ROLE_PASSWORDS: 'cubes=one-1,control_api=two_2',
  REDIS_URL: 'redis://127.0.0.1:6379',
  REDIS_SERVER_UID: '1000',
  CUBE_JWT_SECRET: 'thirty-two bytes or more, that is',
  CUBE_JWT_SECRET_PREVIOUS: '',
  USER_JWT_SECRET: '',
  USER_JWT_SECRET_PREVIOUS: '',
  TOKEN_SECRETS_FILE: '',
  TRUSTED_EDGES: '127.0.0.0/8,::1/128',
  INSTANCE_NETWORKS: '',
  LEGACY_SAJU_URL: '',
  LEGACY_AI_URL: '',
  LEGACY_PAPERWORK_URL: '',
  LEGACY_CRAWLER_URL: '',
  PROMETHEUS_URL: '',
  CUBE_HOST: '127.0.0.1',
  CUBE_PORT: '0',
  GATEWAY_PORT: '8088',
  SECURITY_CUBE_PORT: '8080',
  MONITORING_CUBE_PORT: '9464',
  SAJU_CUBE_PORT: '8001',
  LEGACY_SAJU_PORT: '8011',
  AI_CUBE_PORT: '8002',
  LEGACY_AI_PORT: '8012',
  PAPERWORK_CUBE_PORT: '8003',
  LEGACY_PAPERWORK_PORT: '8013',
  CRAWLER_CUBE_PORT: '8004',
  LEGACY_CRAWLER_PORT: '8014',
  CRAWLER_SITE_PORT: '8081',
  CUBE_URL: '',
  CUBE_VERSION: '',
  INSTANCE_ID: '',
  STATE_DIR: '.cubeshift',
  CUBESHIFT_HOME: '.cubeshift',
  CUBESHIFT_CACHE: '',
  CUBESHIFT_DATABASES: '/var/lib/cubeshift',
  GATEWAY_SHADOW: 'on',
  GATEWAY_WINDOW_SECONDS: '10',
  GATEWAY_RATE_PER_SECOND: '50',
  GATEWAY_ADDRESS_RATE_PER_SECOND: '500',
  GATEWAY_TUNNELS: '4096',
  GATEWAY_TUNNELS_PER_CLIENT: '100',
  ESCALATION_WEBHOOK_URL: '',
  CONTROL_HOST: '127.0.0.1',
  CONTROL_PORT: '8090',
  CONTROL_URL: 'http://127.0.0.1:8090',
  WORKER_METRICS_ADDRESS: '',
  LEDGER_RETENTION_DAYS: '90',
  MAX_INSTANCES_PER_CUBE: '8',
  LOG_LEVEL: 'info',
  CUBESHIFT_CRASH_POINT: '',
} as const satisfies Partial<Record<VariableName, string>>;

const read = {
  ...right,
  CUBE_ROLE_PASSWORDS: new Map([
    ['cubes', 'one-1'],
    ['control_api', 'two_2'],
  ]),
  REDIS_SERVER_UID: 1000,
  TRUSTED_EDGES: ['127.0.0.0/8', '::1/128'],
  INSTANCE_NETWORKS: [],
  CUBE_PORT: 0,
  AI_CUBE_MODELS_MIB: 1536,
  AI_CUBE_PROCESS_MIB: 512,
  DOCUMENT_PROCESSES: 2,
  DOCUMENT_PROCESS_MIB: 1024,
  CRAWLER_ALLOWED_TARGETS: [],
  PAPERWORK_FILE_MIB: 4096,
  GATEWAY_SHADOW: true,
  GATEWAY_WINDOW_SECONDS: 10,
  GATEWAY_RATE_PER_SECOND: 50,
  GATEWAY_ADDRESS_RATE_PER_SECOND: 500,
  GATEWAY_TUNNELS: 4096,
  GATEWAY_TUNNELS_PER_CLIENT: 100,
  GATEWAY_PORT: 8088,
  SECURITY_CUBE_PORT: 8080,
  MONITORING_CUBE_PORT: 9464,
  SAJU_CUBE_PORT: 8001,
  LEGACY_SAJU_PORT: 8011,
  AI_CUBE_PORT: 8002,
  LEGACY_AI_PORT: 8012,
  PAPERWORK_CUBE_PORT: 8003,
  LEGACY_PAPERWORK_PORT: 8013,
  CRAWLER_CUBE_PORT: 8004,
  LEGACY_CRAWLER_PORT: 8014,
  CRAWLER_SITE_PORT: 8081,
  CONTROL_PORT: 8090,
  LEDGER_RETENTION_DAYS: 90,
  MAX_INSTANCES_PER_CUBE: 8,
};

function problemsOf(environment: Record<string, string | undefined>, asked: readonly VariableName[] = names): string[] {
  try {
    readConfiguration(environment, asked);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.type).toBe('configuration_invalid');
    return error.message.split('\n');
  }
}

describe('a right environment', () => {
  test('is read, numbers as numbers', () => {
    expect(readConfiguration(right, names)).toEqual(read);
  });

  test('may leave out what has a default', () => {
    const { TEMPORAL_ADDRESS, LEGACY_DATABASE_URL, CUBE_DATABASE_URL, REDIS_URL, CUBE_JWT_SECRET } = right;
    const { CUBE_ADMINISTRATOR_URL, CUBE_ROLE_PASSWORDS } = right;
    const servers = { TEMPORAL_ADDRESS, LEGACY_DATABASE_URL, CUBE_DATABASE_URL, REDIS_URL };
    const needed = { ...servers, CUBE_JWT_SECRET, CUBE_ADMINISTRATOR_URL, CUBE_ROLE_PASSWORDS };
    expect(readConfiguration(needed, names)).toEqual({ ...read, REDIS_SERVER_UID: null });
    expect(readConfiguration({ ...needed, CONTROL_PORT: '', LOG_LEVEL: '' }, names)).toMatchObject({
      CONTROL_PORT: 8090,
      LOG_LEVEL: 'info',
    });
  });

  test('a role of a cube’s own outranks the one for all, which serves where there is none', () => {
    const { LEGACY_DATABASE_URL } = right;
    const own = 'postgres://saju_cube:word@127.0.0.1:5432/heal7';
    const read = (environment: Record<string, string>) =>
      readConfiguration(environment, ['SAJU_CUBE_LEGACY_URL']).SAJU_CUBE_LEGACY_URL;
    expect(read({ LEGACY_DATABASE_URL, SAJU_CUBE_LEGACY_URL: own })).toBe(own);
    expect(read({ LEGACY_DATABASE_URL, SAJU_CUBE_LEGACY_URL: '' })).toBe(LEGACY_DATABASE_URL);
    expect(problemsOf({ LEGACY_DATABASE_URL: 'mysql://h/x' }, ['SAJU_CUBE_LEGACY_URL'])).toEqual([
      expect.stringMatching(/^LEGACY_DATABASE_URL must be a URL/),
    ]);
    expect(problemsOf({}, ['SAJU_CUBE_LEGACY_URL'])).toEqual([expect.stringMatching(/LEGACY_DATABASE_URL/)]);
  });

  test('gives what was requested and reads nothing else', () => {
    expect(readConfiguration({ LOG_LEVEL: 'warn', CONTROL_PORT: 'x' }, ['LOG_LEVEL'])).toEqual({ LOG_LEVEL: 'warn' });
  });

  test.each([
    ['TEMPORAL_ADDRESS', '[::1]:7233'],
    ['TEMPORAL_ADDRESS', 'temporal.heal7.svc:65535'],
    ['TEMPORAL_NAMESPACE', 'heal7-prod.a_b'],
    ['TEMPORAL_TLS', 'on'],
    ['TEMPORAL_TLS', 'test/data/tls/authority.pem'],
    ['TEMPORAL_TLS_CA', 'test/data/tls/authority.pem'],
    ['TEMPORAL_API_KEY', 'eyJhbGciOi.eyJhdWQ.c2ln-_'],
    ['LEGACY_DATABASE_URL', 'postgres://user:p%40ss@db/heal7'],
    ['CUBE_JWT_SECRET', '열한글자로서른두바이트넘게'],
    ['CONTROL_HOST', '0.0.0.0'],
    ['CUBE_VERSION', '1.4.0-rc.1'],
    ['CONTROL_HOST', '::'],
    ['CONTROL_HOST', 'localhost'],
    ['CONTROL_PORT', '0'],
    ['CONTROL_PORT', '65535'],
    ['LOG_LEVEL', 'silent'],
    ['LEDGER_RETENTION_DAYS', '0'],
    ['WORKER_METRICS_ADDRESS', '127.0.0.1:9100'],
    ...crashPoints.map((point) => ['CUBESHIFT_CRASH_POINT', point] as const),
  ] satisfies (readonly [VariableName, string])[])('%s may be %s', (name, value) => {
    expect(String(readConfiguration({ ...right, [name]: value }, names)[name])).toBe(value);
  });

  test('CONTROL_URL loses the slashes at its end, so that paths can follow', () => {
    expect(readConfiguration({ CONTROL_URL: 'https://control.heal7.kr//' }, ['CONTROL_URL'])).toEqual({
      CONTROL_URL: 'https://control.heal7.kr',
    });
  });
});

describe('a wrong value', () => {
  test.each([
    ['TEMPORAL_ADDRESS', 'zanzibar'],
    ['TEMPORAL_ADDRESS', 'zanzibar:'],
    ['TEMPORAL_ADDRESS', ':7233'],
    ['TEMPORAL_ADDRESS', 'zanzibar:0'],
    ['TEMPORAL_ADDRESS', 'zanzibar:65536'],
    ['TEMPORAL_ADDRESS', 'http://zanzibar:7233'],
    ['TEMPORAL_ADDRESS', 'zanzi bar:7233'],
    ['TEMPORAL_ADDRESS', 'zanzibar:7233\n'],
    ['GATEWAY_SHADOW', 'zanzibar'],
    ['GATEWAY_WINDOW_SECONDS', '0'],
    ['GATEWAY_WINDOW_SECONDS', 'zanzibar'],
    ['GATEWAY_RATE_PER_SECOND', 'zanzibar'],
    ['GATEWAY_RATE_PER_SECOND', '-1'],
    ['GATEWAY_ADDRESS_RATE_PER_SECOND', '0.5'],
    ['GATEWAY_TUNNELS', 'zanzibar'],
    ['GATEWAY_TUNNELS_PER_CLIENT', '-1'],
    ['LEDGER_RETENTION_DAYS', 'zanzibar'],
    ['LEDGER_RETENTION_DAYS', '-1'],
    ['WORKER_METRICS_ADDRESS', 'zanzibar'],
    ['TEMPORAL_NAMESPACE', 'zanzi bar'],
    ['TEMPORAL_TLS', 'zanzibar'],
    ['TEMPORAL_TLS', 'package.json'],
    ['TEMPORAL_TLS_CA', 'on'],
    ['TEMPORAL_TLS_CA', 'test/data/tls/server.key'],
    ['TEMPORAL_TLS_CERT', 'package.json'],
    ['TEMPORAL_TLS_KEY', 'test/data/tls/authority.pem'],
    ['TEMPORAL_API_KEY', 'zanzi bar'],
    ['TEMPORAL_NAMESPACE', 'zanzibar/'],
    ['TEMPORAL_NAMESPACE', 'zanzibar'.repeat(30)],
    ['LEGACY_DATABASE_URL', 'zanzibar'],
    ['LEGACY_DATABASE_URL', 'mysql://zanzibar/heal7'],
    ['LEGACY_DATABASE_URL', 'postgres://zanzibar'],
    ['LEGACY_DATABASE_URL', 'postgres://zanzibar/'],
    ['LEGACY_DATABASE_URL', 'postgres:///zanzibar'],
    ['CUBE_DATABASE_URL', 'postgres://zanzibar:99999/cubes'],
    ['CUBE_DATABASE_URL', '//zanzibar/cubes'],
    ['REDIS_URL', 'http://zanzibar:6379'],
    ['REDIS_URL', 'zanzibar'],
    ['REDIS_SERVER_UID', 'zanzibar'],
    ['CUBE_JWT_SECRET', 'zanzibar, thirty-one bytes long'],
    ['TRUSTED_EDGES', 'zanzibar'],
    ['TRUSTED_EDGES', '10.0.0.0/33'],
    ['TRUSTED_EDGES', '10.0.0.0/8/8'],
    ['TRUSTED_EDGES', '10.0.0.0/8,'],
    ['TRUSTED_EDGES', '::1/129'],
    ['INSTANCE_NETWORKS', 'zanzibar'],
    ['INSTANCE_NETWORKS', 'zanzibar/8'],
    ['STATE_DIR', 'zanzibar\0'],
    ['TOKEN_SECRETS_FILE', 'zanzibar\0'],
    ['CUBE_VERSION', '../zanzibar'],
    ['LEGACY_SAJU_URL', 'zanzibar:8011'],
    ['CUBE_STORAGE_URL', 's3://Zanzibar/models'],
    ['CUBE_STORAGE_URL', 's3://zanzibar/../models'],
    ['CUBE_STORAGE_URL', 's3://zanzibar/mod els'],
    ['CUBE_STORAGE_URL', 's3:zanzibar'],
    ['CUBE_STORAGE_ENDPOINT', 'zanzibar:9000'],
    ['CUBE_STORAGE_ENDPOINT', 'https://zanzi:bar@127.0.0.1'],
    ['CUBE_STORAGE_REGION', 'zanzibar/1'],
    ['CUBE_STORAGE_URL', 'file:///zanzibar'],
    ['CUBE_ROLE_PASSWORDS', 'zanzibar'],
    ['CUBE_ROLE_PASSWORDS', 'cubes=zanzibar:1'],
    ['CONTROL_HOST', 'zanzi bar'],
    ['CONTROL_HOST', 'http://zanzibar'],
    ['CONTROL_PORT', 'zanzibar'],
    ['CONTROL_PORT', '65536'],
    ['CONTROL_PORT', '-1'],
    ['CONTROL_PORT', '80.5'],
    ['CONTROL_PORT', '0x50'],
    ['CONTROL_PORT', ' '],
    ['CONTROL_URL', 'zanzibar:8090'],
    ['CONTROL_URL', 'ftp://zanzibar'],
    ['LOG_LEVEL', 'zanzibar'],
    ['LOG_LEVEL', 'INFO'],
    ['CUBESHIFT_CRASH_POINT', 'zanzibar'],
  ] satisfies [VariableName, string][])(
    '%s=%j gives one sentence that names it and does not tell it',
    (name, value) => {
      const problems = problemsOf({ ...right, [name]: value });
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(new RegExp(`^${name} must .+ \\(.+\\)\\.$`));
      expect(problems[0]).not.toContain('zanzi');
    },
  );

  test('does not stop the next one from being reported', () => {
    const paths: readonly VariableName[] = [
      'CUBESHIFT_HOME',
      'CUBESHIFT_CACHE',
      'CUBESHIFT_DATABASES',
      'STATE_DIR',
      'LEGACY_MODEL_DIR',
      'LEGACY_STORAGE_DIR',
      'CUBE_STORAGE_URL',
      'CUBE_STORAGE_ACCESS_KEY',
      'CUBE_STORAGE_SECRET_KEY',
      'TOKEN_SECRETS_FILE',
    ];
    const wrong = Object.fromEntries(names.map((name) => [name, paths.includes(name) ? 'zanzibar\0' : '{zanzibar}']));
    const problems = problemsOf(wrong);
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(names);
    expect(problems.join()).not.toContain('zanzibar');
  });

  test('a store at an S3 server needs an address and both keys, which are reported by name', () => {
    const s3 = { CUBE_STORAGE_URL: 's3://contents/of/cubes' };
    const needed = ['CUBE_STORAGE_ENDPOINT', 'CUBE_STORAGE_ACCESS_KEY', 'CUBE_STORAGE_SECRET_KEY'];
    expect(problemsOf(s3, ['CUBE_STORAGE_URL'])).toEqual(
      needed.map((name) => expect.stringContaining(`${name} is not set`)),
    );
    const whole = { ...s3, ...Object.fromEntries(needed.map((name) => [name, 'https://s3.example'])) };
    expect(
      readConfiguration({ ...whole, AWS_REGION: 'eu-west-1' }, ['CUBE_STORAGE_URL', 'CUBE_STORAGE_REGION']),
    ).toEqual({
      ...s3,
      CUBE_STORAGE_REGION: 'us-east-1',
    });
    expect(problemsOf({ CUBE_STORAGE_ACCESS_KEY: 'one' }, ['CUBE_STORAGE_ACCESS_KEY'])).toEqual([
      'CUBE_STORAGE_ACCESS_KEY and CUBE_STORAGE_SECRET_KEY are needed together.',
    ]);
  });

  test('half a pair is reported once, whichever half is read', () => {
    const certificate = { TEMPORAL_TLS_CERT: 'test/data/tls/server.pem' };
    const both = { ...certificate, TEMPORAL_TLS_KEY: 'test/data/tls/server.key' };
    for (const name of ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'] as const) {
      expect(problemsOf(certificate, [name])).toEqual(['TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY are needed together.']);
      expect(readConfiguration(both, [name])).toEqual({ [name]: both[name] });
    }
  });

  test('that is missing is reported with its purpose', () => {
    expect(problemsOf({}, ['TEMPORAL_ADDRESS', 'LOG_LEVEL', 'CUBE_DATABASE_URL'])).toEqual([
      'TEMPORAL_ADDRESS is not set (host:port of the Temporal server).',
      'CUBE_DATABASE_URL is not set (PostgreSQL URL of the cubes).',
    ]);
  });
});

test('what holds a password or key is marked secret', () => {
  expect(variableNames.filter((name) => variableTable[name].secret)).toEqual([
    'TEMPORAL_API_KEY',
    'LEGACY_DATABASE_URL',
    'SAJU_CUBE_LEGACY_URL',
    'AI_CUBE_LEGACY_URL',
    'PAPERWORK_CUBE_LEGACY_URL',
    'CRAWLER_CUBE_LEGACY_URL',
    'CUBE_STORAGE_ACCESS_KEY',
    'CUBE_STORAGE_SECRET_KEY',
    'CUBE_DATABASE_URL',
    'AUDIT_DATABASE_URL',
    'CUBE_ADMINISTRATOR_URL',
    'CUBE_ROLE_PASSWORDS',
    'REDIS_URL',
    'CUBE_JWT_SECRET',
    'CUBE_JWT_SECRET_PREVIOUS',
    'USER_JWT_SECRET',
    'USER_JWT_SECRET_PREVIOUS',
    'TEMPORAL_UI_URL',
  ]);
});
