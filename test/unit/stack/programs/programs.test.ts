import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { variableNames, variablesOf } from '../../../../src/config/variables.js';
import { cubeDefinitions } from '../../../../src/domain/cubes.js';
import { programFile, programProcess } from '../../../../src/stack/programs/program-process.js';
import { isNeeded, programs, runCubes } from '../../../../src/stack/programs/programs.js';

const env = {
  CONTROL_URL: 'http://127.0.0.1:1',
  SECURITY_CUBE_URL: 'http://127.0.0.1:2',
  MONITORING_CUBE_URL: 'http://127.0.0.1:3',
  GATEWAY_URL: 'http://127.0.0.1:4',
  LEGACY_SAJU_URL: 'http://127.0.0.1:5',
  LEGACY_AI_URL: 'http://127.0.0.1:6',
  LEGACY_PAPERWORK_URL: 'http://127.0.0.1:7',
  LEGACY_CRAWLER_URL: 'http://127.0.0.1:8',
  CRAWLER_SITE_URL: 'http://127.77.0.1:9',
  CUBE_JWT_SECRET: 'a secret of the stack, thirty-two bytes or more',
};

describe('the programs of a stack', () => {
  test.each([...programs, ...runCubes].map(({ entry }) => entry))('%s is there, compiled', (entry) => {
    expect(existsSync(programFile(entry))).toBe(true);
  });

  test('each listens where its variable says', () => {
    const ports = Object.fromEntries(programs.map((program) => [program.name, programProcess(program, env, {}).port]));
    expect(ports).toMatchObject({
      control: 1,
      'security-cube': 2,
      'monitoring-cube': 3,
      'api-gateway-cube': 4,
      'legacy-saju': 5,
      'legacy-ai': 6,
      'legacy-paperwork': 7,
      'legacy-crawler': 8,
      'crawler-site': 9,
    });
    const gateway = programs.find(({ name }) => name === 'api-gateway-cube');
    if (gateway === undefined) throw new Error('there is a gateway');
    expect(programProcess(gateway, env, {}).env).toMatchObject({ CUBE_HOST: '127.0.0.1', CUBE_PORT: '4' });
  });

  test('each gets the secrets that it needs, and no other', () => {
    const [temporal, user] = [
      ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'TEMPORAL_API_KEY'],
      ['USER_JWT_SECRET', 'USER_JWT_SECRET_PREVIOUS'],
    ];
    const secrets = [...temporal, ...user, 'TEMPORAL_UI_URL'];
    const all = { ...env, ...Object.fromEntries(secrets.map((name) => [name, 'a secret'])) };
    const told = programs.map((program) => {
      const { env: own } = programProcess(program, all, {});
      return [program.name, secrets.filter((name) => name in own)];
    });
    expect(Object.fromEntries(told)).toEqual({
      'worker-control': temporal,
      'worker-bulk-1': temporal,
      'worker-documents': temporal,
      'worker-crawler': temporal,
      control: temporal,
      'api-gateway-cube': user,
      'security-cube': [],
      'monitoring-cube': [],
      'legacy-saju': [],
      'legacy-ai': [],
      'legacy-paperwork': [],
      'legacy-crawler': [],
      'crawler-site': [],
    });
  });

  test('each gets the variables that the table gives it, and no other', () => {
    const all = Object.fromEntries(variableNames.map((name) => [name, 'http://127.0.0.1:1']));
    for (const program of programs) {
      const { listens, readers } = program;
      const expected = [...variablesOf(...readers), ...Object.keys(listens?.environment(all) ?? {})];
      const given = Object.keys(programProcess(program, all, all).env);
      expect(new Set(given), program.name).toEqual(new Set(['PATH', 'LANG', 'TZ', ...expected]));
    }
  });

  test('no secret is in an argument', () => {
    for (const program of programs) expect(programProcess(program, env, {}).args.join(' ')).not.toContain('a secret');
  });

  test('the stand-in of the monolith’s service makes room for the real one', () => {
    const needed = (environment: NodeJS.ProcessEnv) =>
      programs.filter((one) => isNeeded(one, environment)).map(({ name }) => name);
    expect(needed({})).toContain('legacy-saju');
    expect(needed({ LEGACY_SAJU_URL: 'http://monolith' })).toEqual(needed({}).filter((name) => name !== 'legacy-saju'));
    const ofCrawler = ['legacy-crawler', 'crawler-site'];
    expect(needed({ LEGACY_CRAWLER_URL: 'http://monolith' })).toEqual(
      needed({}).filter((name) => !ofCrawler.includes(name)),
    );
  });

  test('the cubes whose versions come and go are cubes', () => {
    const known = cubeDefinitions.map(({ cubeId }) => String(cubeId));
    for (const { cubeId } of runCubes) expect(known).toContain(cubeId);
  });
});
