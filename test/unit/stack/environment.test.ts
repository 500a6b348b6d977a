import { expect, test } from 'vitest';
import { readConfiguration, type VariableName, variableTexts } from '../../../src/config.js';
import { ownServers, stackEnvironment } from '../../../src/stack/environment.js';
import { type StackSettings, usualPorts } from '../../../src/stack/home.js';

const settings: StackSettings = {
  ports: usualPorts,
  postgresPassword: 'a-password_of_32_letters_and_more',
  cubeJwtSecret: 'a secret of the stack, thirty-two bytes or more',
};

test('everything that the programs read is there, and right', () => {
  const names = Object.keys(variableTexts) as VariableName[];
  expect(readConfiguration(stackEnvironment(settings, {}), names)).toMatchObject({
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    LEGACY_DATABASE_URL: `postgres://cubeshift:${settings.postgresPassword}@127.0.0.1:5432/heal7`,
    CUBE_DATABASE_URL: `postgres://cubeshift:${settings.postgresPassword}@127.0.0.1:5433/cubes`,
    REDIS_URL: 'redis://127.0.0.1:6379',
    CUBE_JWT_SECRET: settings.cubeJwtSecret,
    CONTROL_PORT: 8090,
    CONTROL_URL: 'http://127.0.0.1:8090',
  });
  expect(stackEnvironment(settings, {}).TEMPORAL_UI_URL).toBe('http://127.0.0.1:8233');
});

test('a server of one’s own takes the place of the embedded one, and no other does', () => {
  const own = { LEGACY_DATABASE_URL: 'postgres://db/heal7', TEMPORAL_ADDRESS: 'temporal:7233' };
  const embedded = stackEnvironment(settings, {});
  const { TEMPORAL_UI_URL, ...rest } = embedded;
  expect(stackEnvironment(settings, own)).toEqual({ ...rest, ...own });
  expect(ownServers({ ...own, PATH: '/bin' })).toEqual(own);
});

test('an empty variable is no server of one’s own', () => {
  expect(ownServers({ REDIS_URL: '', CUBE_DATABASE_URL: undefined })).toEqual({});
  expect(stackEnvironment(settings, { REDIS_URL: '', CUBE_JWT_SECRET: '' })).toEqual(stackEnvironment(settings, {}));
});

test('what else is set for the programs is passed on, and nothing that is not theirs', () => {
  const passed = {
    TEMPORAL_NAMESPACE: 'heal7',
    CUBE_JWT_SECRET: 'another secret, thirty-two bytes or more',
    CONTROL_HOST: '0.0.0.0',
    LOG_LEVEL: 'debug',
    CUBESHIFT_CRASH_POINT: 'after-claim',
  };
  const found = stackEnvironment(settings, { ...passed, HOME: '/root', NODE_OPTIONS: '--inspect' });
  expect(found).toEqual({ ...stackEnvironment(settings, {}), ...passed });
});
