import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteExpiredContents } from '../../src/postgres/ledger/retention.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
});
afterAll(() => databases.drop());

test('record contents of runs that ended long ago are forgotten, ids and reasons stay', async () => {
  await keepRun('old', "now() - interval '91 days'");
  await keepRun('recent', "now() - interval '89 days'");
  await keepRun('unfinished', 'null');

  expect(await deleteExpiredContents(databases.cube, 90)).toBe(3);
  expect(await deleteExpiredContents(databases.cube, 90)).toBe(0);

  expect(await contentsOf('old')).toEqual({ reason: 'date_invalid', payload: null, value: null, aside: null });
  for (const id of ['recent', 'unfinished']) {
    expect(await contentsOf(id)).toEqual({
      reason: 'date_invalid',
      payload: { secret: 1 },
      value: 'a',
      aside: { secret: 2 },
    });
  }
});

test('a row set aside that a rollback could still put back is kept', async () => {
  await databases.cube.query(
    `insert into ledger.batches (migration_id, kind, table_name, token, worker, after, upto, migrated, rejected, bytes, ids, origin)
     values ('recent', 'saju-records', 'saju_records', 1, 'test', 0, 1, 1, 0, 0, '{[1,1]}', 'copied')`,
  );
  await databases.cube.query(
    `update ledger.migrations set finished_at = now() - interval '1 year' where id = 'recent'`,
  );
  await deleteExpiredContents(databases.cube, 90);
  expect(await contentsOf('recent')).toMatchObject({ payload: null, value: null, aside: { secret: 2 } });
});

async function keepRun(id: string, finishedAt: string): Promise<void> {
  // One kind each: two unfinished runs of a kind cannot be.
  const kind = id === 'unfinished' ? 'crawler-jobs' : 'saju-records';
  await databases.cube.query(
    `insert into ledger.migrations (id, kind, mode, options, workflow_id, started_by, finished_at)
     values ($1, $2, 'copy', '{}', $1, 'test', ${finishedAt})`,
    [id, kind],
  );
  await databases.cube.query(
    `insert into ledger.rejects (migration_id, table_name, source_id, reason, detail, payload)
     values ($1, 'saju_records', 1, 'date_invalid', '', '{"secret": 1}')`,
    [id],
  );
  await databases.cube.query(
    `with started as (insert into ledger.verifications (migration_id) values ($1) returning id)
     insert into ledger.mismatches (verification_id, table_name, source_id, field, source_value, target_value)
     select id, 'saju_records', 1, 'user_id', 'a', 'b' from started`,
    [id],
  );
  await databases.cube.query(
    `insert into ledger.set_aside (migration_id, kind, table_name, source_id, payload)
     values ($1, $2, 'saju_records', 1, '{"secret": 2}')`,
    [id, kind],
  );
}

async function contentsOf(id: string): Promise<unknown> {
  const found = await databases.cube.query(
    `select rejects.reason, rejects.payload, mismatches.source_value as value, set_aside.payload as aside
       from ledger.rejects join ledger.set_aside using (migration_id)
       join ledger.verifications using (migration_id) join ledger.mismatches on verification_id = verifications.id
      where migration_id = $1`,
    [id],
  );
  return found.rows[0];
}
