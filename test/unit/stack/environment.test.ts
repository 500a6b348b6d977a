import { expect, test } from 'vitest';
import { readConfiguration } from '../../../src/config/configuration.js';
import { variableNames, variablesFrom, variableTable } from '../../../src/config/variables.js';
import {
  stackEnvironment as environmentOf,
  ignoredVariables,
  ownServers,
  requestedPorts,
} from '../../../src/stack/environment.js';
import { type StackSettings, usualPorts } from '../../../src/state/settings.js';

const settings: StackSettings = {
  ports: usualPorts,
  passwordSecret: 'what passwords are made of',
  cubeJwtSecret: 'a secret of the stack, thirty-two bytes or more',
  userJwtSecret: 'another secret of the stack, thirty-two bytes or more',
};

function stackEnvironment(given: StackSettings, environment: NodeJS.ProcessEnv): Record<string, string> {
  return environmentOf(given, environment, '/state');
}

test('everything that the programs read is there, and right', () => {
  // A stack sets up its databases by itself.
  const names = variableNames.filter((name) =>
    variableTable[name].readers.some((reader) => reader !== 'database-setup'),
  );
  expect(readConfiguration(stackEnvironment(settings, {}), names)).toMatchObject({
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    LEGACY_DATABASE_URL: expect.stringMatching(/^postgres:\/\/heal7:[\w-]{43}@127\.0\.0\.1:5432\/heal7$/),
    SAJU_CUBE_LEGACY_URL: expect.stringMatching(/^postgres:\/\/saju_cube:[\w-]{43}@127\.0\.0\.1:5432\/heal7$/),
    CUBE_DATABASE_URL: expect.stringMatching(/^postgres:\/\/cubes:[\w-]{43}@127\.0\.0\.1:5433\/cubes$/),
    REDIS_URL: expect.stringMatching(/^redis:\/\/cubeshift:[\w-]{43}@127\.0\.0\.1:6379$/),
    REDIS_SERVER_UID: process.geteuid?.(),
    CUBE_JWT_SECRET: settings.cubeJwtSecret,
    CONTROL_PORT: 8090,
    CONTROL_URL: 'http://127.0.0.1:8090',
    USER_JWT_SECRET: settings.userJwtSecret,
    STATE_DIR: '/state',
    LEGACY_SAJU_URL: 'http://127.0.0.1:8011',
  });
  expect(stackEnvironment(settings, {})).toMatchObject({
    GATEWAY_URL: 'http://127.0.0.1:8088',
    SECURITY_CUBE_URL: 'http://127.0.0.1:8080',
    MONITORING_CUBE_URL: 'http://127.0.0.1:9464',
    SAJU_CUBE_URL: 'http://127.0.0.1:8001',
    CRAWLER_SITE_URL: 'http://127.77.0.1:8081',
    CRAWLER_ALLOWED_TARGETS: '127.77.0.1/32:8081',
  });
  expect(stackEnvironment(settings, {}).TEMPORAL_UI_URL).toBe('http://127.0.0.1:8233');
});

test('what a stack sets by itself is what the table says', () => {
  const temporal = { TEMPORAL_TLS: 'on', TEMPORAL_TLS_CA: '/ca', TEMPORAL_TLS_CERT: '/cert', TEMPORAL_TLS_KEY: '/key' };
  const set = Object.keys(environmentOf(settings, {}, '/state', temporal));
  expect(set.sort()).toEqual([...variablesFrom('stack')].sort());
  const callers = Object.fromEntries(variableNames.map((name) => [name, 'the caller’s']));
  const kept = Object.entries(environmentOf(settings, callers, '/state', temporal));
  const passedOn = kept.filter(([, value]) => value === 'the caller’s').map(([name]) => name);
  expect(passedOn.sort()).toEqual([...variablesFrom('caller')].sort());
});

test('a server of one’s own takes the place of the embedded one, and no other does', () => {
  const own = { LEGACY_DATABASE_URL: 'postgres://db/heal7', TEMPORAL_ADDRESS: 'temporal:7233' };
  const embedded = stackEnvironment(settings, {});
  // Cubes come to a server of one's own as the engine does, where nothing else is said.
  const { TEMPORAL_UI_URL, SAJU_CUBE_LEGACY_URL, AI_CUBE_LEGACY_URL, PAPERWORK_CUBE_LEGACY_URL, ...others } = embedded;
  const { CRAWLER_CUBE_LEGACY_URL, ...rest } = others;
  expect(stackEnvironment(settings, own)).toEqual({ ...rest, ...own });
  expect(ownServers({ ...own, PATH: '/bin' })).toEqual(own);
});

test('the site that jobs crawl is there for those of the stand-in, and the caller may allow other targets', () => {
  const own = stackEnvironment(settings, { LEGACY_CRAWLER_URL: 'http://monolith' });
  expect(own).not.toHaveProperty('CRAWLER_SITE_URL');
  expect(own).not.toHaveProperty('CRAWLER_ALLOWED_TARGETS');
  const allowed = { CRAWLER_ALLOWED_TARGETS: '10.0.5.0/24:8080' };
  expect(stackEnvironment(settings, allowed)).toMatchObject(allowed);
});

test('only of the embedded Redis it is said whose it is', () => {
  const own = stackEnvironment(settings, { REDIS_URL: 'redis://other:6379', REDIS_SERVER_UID: '7' });
  expect(own).not.toHaveProperty('REDIS_SERVER_UID');
});

test('an empty variable is no server of one’s own', () => {
  expect(ownServers({ REDIS_URL: '', CUBE_DATABASE_URL: undefined })).toEqual({});
  expect(stackEnvironment(settings, { REDIS_URL: '', CUBE_JWT_SECRET: '' })).toEqual(stackEnvironment(settings, {}));
});

test('each program’s port can be set', () => {
  const asked = {
    CONTROL_PORT: '1',
    GATEWAY_PORT: '2',
    SECURITY_CUBE_PORT: '3',
    MONITORING_CUBE_PORT: '4',
    SAJU_CUBE_PORT: '5',
    LEGACY_SAJU_PORT: '6',
  };
  expect(requestedPorts({ ...asked, PATH: '/bin' })).toEqual({
    control: 1,
    gateway: 2,
    security: 3,
    monitoring: 4,
    saju: 5,
    legacySaju: 6,
  });
  expect(requestedPorts({ GATEWAY_PORT: '' })).toEqual({});
});

test('how a Temporal server of one’s own is spoken to goes with it, and never with the embedded one', () => {
  const access = {
    TEMPORAL_TLS: 'on',
    TEMPORAL_TLS_CA: '/own/ca.pem',
    TEMPORAL_TLS_CERT: '/own/client.pem',
    TEMPORAL_TLS_KEY: '/own/client.key',
    TEMPORAL_API_KEY: 'key',
  };
  const own = { TEMPORAL_ADDRESS: 'temporal:7233', ...access };
  expect(stackEnvironment(settings, own)).toMatchObject(own);
  expect(stackEnvironment(settings, access)).toEqual(stackEnvironment(settings, {}));
  const embedded = { TEMPORAL_TLS_CA: '/state/ca.pem', TEMPORAL_UI_URL: 'http://127.0.0.1:8233/open/secret' };
  expect(environmentOf(settings, access, '/state', embedded)).toEqual({
    ...stackEnvironment(settings, {}),
    ...embedded,
  });
});

test('what else is set for the programs is passed on, and nothing that is not theirs', () => {
  const passed = {
    TEMPORAL_NAMESPACE: 'heal7',
    CUBE_JWT_SECRET: 'another secret, thirty-two bytes or more',
    CONTROL_HOST: '0.0.0.0',
    LOG_LEVEL: 'debug',
    CUBESHIFT_CRASH_POINT: 'after-claim',
    USER_JWT_SECRET: 'a secret of the login, thirty-two bytes or more',
    TRUSTED_EDGES: '10.0.0.0/8',
    INSTANCE_NETWORKS: '10.0.0.0/8',
    LEGACY_SAJU_URL: 'http://monolith:80',
    ESCALATION_WEBHOOK_URL: 'http://pager/',
  };
  const found = stackEnvironment(settings, { ...passed, HOME: '/root', NODE_OPTIONS: '--inspect' });
  expect(found).toEqual({ ...stackEnvironment(settings, {}), ...passed });
});

test('what a stack that runs does not hear of is named, and nothing else', () => {
  const live = stackEnvironment(settings, { LOG_LEVEL: 'debug' });
  expect(ignoredVariables({ ...live, HOME: '/root', PROMETHEUS_URL: '' }, live)).toEqual([]);
  expect(
    ignoredVariables(
      { REDIS_URL: 'redis://other:6379', LOG_LEVEL: 'info', PROMETHEUS_URL: 'http://prometheus:9090' },
      live,
    ),
  ).toEqual(['REDIS_URL', 'PROMETHEUS_URL', 'LOG_LEVEL']);
  // Folders too, which a stack chooses where nothing is set.
  const { LEGACY_STORAGE_DIR } = live;
  expect(
    ignoredVariables(
      { CUBE_STORAGE_URL: 's3://heal7/contents', LEGACY_MODEL_DIR: '/models', LEGACY_STORAGE_DIR },
      live,
    ),
  ).toEqual(['LEGACY_MODEL_DIR', 'CUBE_STORAGE_URL']);
});
