import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabases } from '../../src/postgres/databases.js';
import { claimOperation } from '../../src/postgres/ledger/operations.js';
import { claimRange, claimSessionName } from '../../src/postgres/ledger/ranges.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { createRole } from '../support/roles.js';

let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(100);
  await upgradeLedger(databases.cubeUrl);
});
afterAll(() => databases.drop());

async function putRun(id: string, stage: string, status: string): Promise<void> {
  await databases.cube.query(
    `insert into ledger.migrations (id, kind, mode, options, workflow_id, started_by, stage, status, finished_at)
     values ($1, $1, 'copy', '{}', $1, 'test', $2, $3, case when $2 = 'done' then now() end)`,
    [id, stage, status],
  );
}

const claimAs = (migrationId: string) =>
  claimRange(databases.cube, { migrationId, sequence: 1, lane: 0, worker: 'late' }, [
    { table: 'saju_records', findRangeEnd: async () => 100n },
  ]);

test('a worker that wakes up late claims no range of a run that is copying no more', async () => {
  await putRun('at-work', 'copying', 'running');
  await putRun('undone', 'done', 'rolled_back');
  await putRun('undoing', 'rolling_back', 'running');
  expect(await claimAs('at-work')).toMatchObject({ upto: 100n });
  await expect(claimAs('undone')).rejects.toMatchObject({ type: 'claim_lost' });
  await expect(claimAs('undoing')).rejects.toMatchObject({ type: 'claim_lost' });
  const cut = await databases.cube.query('select distinct migration_id from ledger.ranges');
  expect(cut.rows).toEqual([{ migration_id: 'at-work' }]);
});

test('a worker that wakes up late takes no rollback its claim', async () => {
  await putRun('removing', 'rolling_back', 'running');
  const undo = await claimOperation(databases.cube, { migrationId: 'removing', sequence: 1 }, 'undo');
  await expect(claimOperation(databases.cube, { migrationId: 'removing', sequence: 1 })).rejects.toMatchObject({
    type: 'claim_lost',
  });
  const held = await databases.cube.query('select operation_token as token from ledger.migrations where id = $1', [
    'removing',
  ]);
  expect(held.rows).toEqual([{ token: undo.token.toString() }]);
});

test('a claim ends the sessions of the one before it also where the role becomes another at its login', async () => {
  await putRun('became', 'copying', 'running');
  const [owner, login] = [await createRole(databases.cube), await createRole(databases.cube)];
  await databases.cube.query(
    `grant usage on schema ledger to ${owner.name};
     grant select, update on all tables in schema ledger to ${owner.name};
     grant usage on all sequences in schema ledger to ${owner.name};
     grant ${owner.name} to ${login.name};
     alter role ${login.name} set role to ${owner.name}`,
  );
  const { legacyUrl } = databases;
  const opened = openDatabases({ legacyUrl, cubeUrl: login.url(databases.cubeUrl) }, 'cubeshift test', 2);
  try {
    const became = await opened.cube.query('select current_user::text as role');
    expect(became.rows).toEqual([{ role: owner.name }]);
    const former = await claimOperation(opened.cube, { migrationId: 'became', sequence: 1 });
    const frozen = await opened.connect('cube', claimSessionName(former.token));
    await claimOperation(opened.cube, { migrationId: 'became', sequence: 1 });
    await until(
      'the former session to end',
      async () => {
        const left = await databases.cube.query('select from pg_stat_activity where application_name = $1', [
          claimSessionName(former.token),
        ]);
        return left.rowCount === 0;
      },
      5000,
    );
    await expect(frozen.query('select 1')).rejects.toThrow();
    const after = await opened.cube.query('select current_user::text as role');
    expect(after.rows).toEqual([{ role: owner.name }]);
  } finally {
    await opened.close();
    for (const role of [login, owner]) await role.drop();
  }
});
