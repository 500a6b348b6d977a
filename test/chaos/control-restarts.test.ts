import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { Gate } from '../support/gate.js';
import { createRole } from '../support/roles.js';

/** The control API while what it stands on is away: nothing is left half-done, and what is on record is carried out. */
let databases: TestDatabases;
let engine: Engine;
let temporal: Gate;

beforeAll(async () => {
  databases = await createDatabases(300);
  const [host = '', port = ''] = inject('servers').temporalAddress.split(':');
  temporal = await Gate.to(host, Number(port));
  engine = await Engine.start({
    ...databases,
    apart: ['control'],
    environment: { control: { TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}` } },
  });
});
afterAll(async () => {
  await engine.stop();
  await temporal.shut();
  await databases.drop();
});

async function health(): Promise<unknown> {
  return (await fetch(`${engine.url}/health`)).json();
}

async function readiness(): Promise<number | undefined> {
  return (await fetch(`${engine.url}/ready`).catch(() => undefined))?.status;
}

test('with Temporal away a start is 503 and leaves nothing on record; repeated once it is back, it runs', async () => {
  await temporal.shut();
  expect(await engine.call('POST', '/v1/migrations/saju-records', { id: 'first' })).toMatchObject({
    status: 503,
    body: {
      type: 'temporal_unreachable',
      detail: 'The Temporal server cannot be reached.',
      safe: 'Nothing was started.',
    },
  });
  expect((await engine.call('GET', '/v1/migrations')).body).toEqual({ items: [] });
  expect(await health()).toMatchObject({
    status: 'degraded',
    dependencies: { cube_database: 'ok', temporal: 'unreachable', redis: 'ok' },
  });
  expect(await readiness()).toBe(200);
  await temporal.open();
  await until('the API to reach Temporal again', async () =>
    JSON.stringify(await health()).includes('"temporal":"ok"'),
  );
  await engine.startMigration('first');
  expect(await engine.waitForRest('first')).toMatchObject({ status: 'waiting', stage: 'verified' });
});

test('with Temporal away a run is read from the ledger, and steering it is 503 and changes nothing', async () => {
  await temporal.shut();
  const before = await engine.view('first');
  expect(await engine.call('POST', '/v1/migrations/first/complete')).toMatchObject({
    status: 503,
    body: { type: 'temporal_unreachable' },
  });
  expect(await engine.view('first')).toEqual(before);
  // A repeated start needs no Temporal: the ledger knows the answer.
  expect(await engine.startMigration('first')).toEqual(before);
  await temporal.open();
  await until('the API to reach Temporal again', async () =>
    JSON.stringify(await health()).includes('"temporal":"ok"'),
  );
  await engine.complete('first');
  expect(await engine.waitForRest('first')).toMatchObject({ status: 'completed' });
});

test('a run that an API put on record and did not live to start is started by the next one', async () => {
  // The API is frozen out between its two steps: recording reaches the ledger, starting never reaches Temporal.
  await engine.kill('control');
  await databases.cube.query(
    `insert into ledger.migrations (id, kind, mode, options, workflow_id, started_by)
     select 'orphan', kind, mode, options, 'saju-records/orphan', 'test' from ledger.migrations where id = 'first'`,
  );
  engine.startProgram('control');
  const ended = await engine.waitFor('orphan', 'adopted and stopped', ({ status }) => status !== 'running');
  // Rows of the first run are final: the second one finds the target taken, which shows that its plan ran.
  expect(ended).toMatchObject({ workflow_id: 'saju-records/orphan', run_id: expect.any(String) });
  expect(engine.logOf('control')).toContain('started the plan of a run that had none');
});

test('an API without its ledger listens, is not ready, and says so; it serves as soon as the ledger is there', async () => {
  const role = await createRole(databases.cube);
  const name = new URL(databases.cubeUrl).pathname.slice(1);
  const schemas = await databases.cube.query<{ name: string }>(
    `select nspname as name from pg_namespace
      where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'public', 'saju')`,
  );
  for (const { name } of schemas.rows) await databases.cube.query(`alter schema ${name} rename to ${name}_of_others`);
  await engine.kill('control');
  engine.startProgram('control', { CUBE_DATABASE_URL: role.url(databases.cubeUrl) });
  await until('the API to listen', async () => (await readiness()) !== undefined);
  expect(await readiness()).toBe(503);
  expect(await engine.call('GET', '/v1/migrations')).toMatchObject({
    status: expect.toSatisfy((it: number) => it >= 400),
  });
  await databases.cube.query(`grant create on database ${name} to ${role.name}`);
  await databases.cube.query(`grant all on schema saju to ${role.name}`);
  await until('the API to be ready', async () => (await readiness()) === 200);
  expect(await engine.call('GET', '/v1/migrations')).toMatchObject({ status: 200, body: { items: [] } });
  await engine.kill('control');
  await role.drop();
});
