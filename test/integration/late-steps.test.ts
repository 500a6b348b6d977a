import { afterAll, beforeAll, expect, test } from 'vitest';
import { endsRun, migrationActions } from '../../src/domain/migration/migration.js';
import { inTransaction } from '../../src/postgres/connect.js';
import { claimOperation } from '../../src/postgres/ledger/operations.js';
import { claimRange, releaseRanges } from '../../src/postgres/ledger/ranges.js';
import { acceptRejects, recordRejects } from '../../src/postgres/ledger/rejects.js';
import {
  finalizeBatches,
  readStateSequence,
  recordEstimate,
  recordPending,
  recordRunState,
  supersedeLostPlan,
} from '../../src/postgres/ledger/run-state.js';
import { reopenItems } from '../../src/postgres/ledger/unfinished-items.js';
import { startVerification } from '../../src/postgres/ledger/verifications.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;
let run: RowsRun;
const late = { migrationId: 'run', sequence: 1 };
const current = { migrationId: 'run', sequence: 2 };
const verifying = {
  stage: 'verifying',
  status: 'running',
  runId: 'r',
  by: 'test',
  what: 'step',
  settles: false,
} as const;

beforeAll(async () => {
  databases = await createDatabases(100);
  run = await RowsRun.open(databases, 'run');
  await run.copy();
  for (const { sequence } of [late, current]) {
    await recordRunState(databases.cube, 'run', { ...verifying, sequence });
  }
});
afterAll(async () => {
  await run.close();
  await databases.drop();
});

/** Everything of the ledger that a step would change. */
async function onRecord(): Promise<unknown> {
  const found = await databases.cube.query(
    `select (select json_agg(r order by source_id) from ledger.rejects r) as rejects,
            (select json_agg(v order by id) from ledger.verifications v) as verifications,
            (select json_agg(b order by id) from ledger.batches b) as batches,
            (select json_agg(r order by id) from ledger.ranges r) as ranges,
            (select json_agg(m) from ledger.migrations m) as run`,
  );
  return found.rows;
}

test.each([
  ['an acceptance', () => acceptRejects(databases.cube, late, 'all', 'tester', 'foretold')],
  ['a start of a comparison', () => startVerification(databases.cube, late)],
  ['an estimate', () => recordEstimate(databases.cube, late, 5, true)],
  ['a handing over', () => finalizeBatches(databases.cube, late)],
  ['a claim of the run', () => claimOperation(databases.cube, late)],
  [
    'a claim of a range',
    () =>
      claimRange(databases.cube, { ...late, lane: 0, worker: 'late' }, [
        { table: 'saju_records', findRangeEnd: async () => 100n },
      ]),
  ],
])('%s that was requested in an earlier state is refused and changes nothing', async (_, step) => {
  const before = await onRecord();
  await expect(step()).rejects.toMatchObject({ type: 'claim_lost' });
  expect(await onRecord()).toEqual(before);
});

test('a repair or a retry that wakes up after a verification was begun in its state is refused', async () => {
  await claimOperation(databases.cube, current, 'change');
  const id = await startVerification(databases.cube, current);
  const before = await onRecord();
  await expect(claimOperation(databases.cube, current, 'change')).rejects.toMatchObject({ type: 'claim_lost' });
  const reopening = inTransaction(databases.cube, (client) =>
    reopenItems(client, { ...current, kind: 'saju-records' }, 'saju_records', [1n]),
  );
  await expect(reopening).rejects.toMatchObject({ type: 'claim_lost' });
  expect(await onRecord()).toEqual(before);
  expect(await startVerification(databases.cube, current)).toBe(id);
  await claimOperation(databases.cube, current);
});

test('ranges that a later state has claimed are not taken away by an earlier one', async () => {
  await databases.cube.query("update ledger.ranges set state = 'claimed'");
  const before = await onRecord();
  await releaseRanges(databases.cube, late);
  expect(await onRecord()).toEqual(before);
  await releaseRanges(databases.cube, current);
  const open = await databases.cube.query("select from ledger.ranges where state <> 'open'");
  expect(open.rowCount).toBe(0);
});

test.each(migrationActions.filter((action) => !endsRun(action)))(
  'a way out that was accepted after %s stays on record when the note of that is repeated late',
  async (earlier) => {
    for (const wayOut of migrationActions.filter(endsRun)) {
      await databases.cube.query('update ledger.migrations set pending = null');
      for (const action of [earlier, wayOut, earlier]) await recordPending(databases.cube, current, action);
      const noted = await databases.cube.query('select pending from ledger.migrations');
      expect(noted.rows).toEqual([{ pending: wayOut }]);
    }
    await databases.cube.query('update ledger.migrations set pending = null');
  },
);

test('two requests for a comparison in one state make one, and the next state begins another', async () => {
  const first = await startVerification(databases.cube, current);
  expect(await startVerification(databases.cube, current)).toBe(first);
  await recordRunState(databases.cube, 'run', { ...verifying, sequence: 3 });
  const second = await startVerification(databases.cube, { ...current, sequence: 3 });
  const found = await databases.cube.query('select id, status from ledger.verifications order by id');
  expect(found.rows).toEqual([
    { id: first, status: 'abandoned' },
    { id: second, status: 'running' },
  ]);
});

test('an acceptance takes what was rejected when it was requested, and nothing that came later', async () => {
  const [id] = databases.rejected.keys();
  const asked = { migrationId: 'run', sequence: 3 };
  expect(await acceptRejects(databases.cube, asked, 'all', 'tester', 'foretold')).toBe(databases.rejected.size);
  await inTransaction(databases.cube, (client) =>
    recordRejects(client, 'run', 'saju_records', [
      { sourceId: BigInt(id ?? 0), reason: 'later', detail: 'later', payload: '{}' },
    ]),
  );
  expect(await acceptRejects(databases.cube, asked, 'all', 'tester', 'foretold')).toBe(0);
});

test('a handing over completes the run with it, and says so once however often it is done', async () => {
  const asked = { migrationId: 'run', sequence: 3 };
  await finalizeBatches(databases.cube, asked);
  const after = await onRecord();
  expect(after).toMatchObject([{ run: [{ status: 'completed', stage: 'done', pending: null }] }]);
  await finalizeBatches(databases.cube, asked);
  const told = {
    ...verifying,
    sequence: 4,
    stage: 'done',
    status: 'completed',
    by: 'engine',
    what: 'complete',
  } as const;
  await recordRunState(databases.cube, 'run', told);
  expect(await onRecord()).toEqual(after);
  const events = await databases.cube.query("select by from ledger.events where what = 'complete'");
  expect(events.rows).toEqual([{ by: 'engine' }]);
  await expect(claimOperation(databases.cube, current, 'undo')).rejects.toMatchObject({ type: 'claim_lost' });
});

test('a way out stays pending until the run has ended, whichever state is recorded after it, and a step of the way sets it', async () => {
  const next = await RowsRun.open({ ...databases }, 'way-out');
  const { cube } = databases;
  const pending = async () =>
    (await cube.query<{ pending: string }>("select pending from ledger.migrations where id = 'way-out'")).rows[0]
      ?.pending;
  await recordPending(cube, { migrationId: 'way-out', sequence: 1 }, 'cancel');
  // Its plan had begun to record this state before it accepted the cancel.
  await recordRunState(cube, 'way-out', { ...verifying, status: 'waiting', what: 'rest', settles: true, sequence: 1 });
  expect(await pending()).toBe('cancel');
  await cube.query("update ledger.migrations set pending = null where id = 'way-out'");
  await recordRunState(cube, 'way-out', { ...verifying, stage: 'done', what: 'cancel', sequence: 2 });
  expect(await pending()).toBe('cancel');
  await recordRunState(cube, 'way-out', {
    ...verifying,
    stage: 'done',
    status: 'cancelled',
    settles: true,
    sequence: 3,
  });
  expect(await pending()).toBeNull();
  await next.close();
});

test('a state that a lost plan had begun to record comes too late once another plan replaces it, which one request does', async () => {
  const next = await RowsRun.open({ ...databases }, 'replaced');
  const { cube } = databases;
  await recordRunState(cube, 'replaced', { ...verifying, sequence: 7 });
  await supersedeLostPlan(cube, 'replaced', '7');
  await supersedeLostPlan(cube, 'replaced', '7');
  expect(await readStateSequence(cube, 'replaced')).toBe('8');
  await recordRunState(cube, 'replaced', { ...verifying, status: 'paused', what: 'pause', sequence: 8 });
  const found = await cube.query("select status from ledger.migrations where id = 'replaced'");
  expect(found.rows).toEqual([{ status: 'running' }]);
  await next.close();
});
