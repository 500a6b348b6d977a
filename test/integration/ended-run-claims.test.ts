import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimOperation } from '../../src/postgres/ledger/operations.js';
import { claimRange } from '../../src/postgres/ledger/ranges.js';
import { upgradeLedger } from '../../src/postgres/ledger-schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

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
  claimRange(databases.cube, { migrationId, lane: 0, worker: 'late' }, async () => 100n);

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
  const undo = await claimOperation(databases.cube, { migrationId: 'removing' }, 'undo');
  await expect(claimOperation(databases.cube, { migrationId: 'removing' })).rejects.toMatchObject({
    type: 'claim_lost',
  });
  const held = await databases.cube.query('select operation_token as token from ledger.migrations where id = $1', [
    'removing',
  ]);
  expect(held.rows).toEqual([{ token: undo.token.toString() }]);
});
