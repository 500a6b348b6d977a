import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { damageableRow, damages } from '../support/damages.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { eventsUntil } from '../support/event-stream.js';
import { historyText } from '../support/workflow-history.js';

let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  // Three ranges of a verification.
  databases = await createDatabases(60_000);
  engine = await Engine.start({
    ...databases,
    apart: ['control', 'worker-control', 'worker-bulk'],
    environment: { 'worker-bulk-1': { CUBESHIFT_CRASH_POINT: 'after-range-verified' } },
  });
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

interface VerifiedRange {
  readonly verification: string;
  readonly after: string;
  readonly upto: string;
  readonly compared_at: string;
}

async function verifiedRanges(): Promise<readonly VerifiedRange[]> {
  const found = await databases.cube.query<VerifiedRange>(
    `select verification_id as verification, after, upto, compared_at::text as compared_at from ledger.verified_ranges
      order by verification_id, after`,
  );
  return found.rows;
}

test('a verification whose worker was killed goes on behind the last range that it committed', async () => {
  const dying = engine.program('worker-bulk-1');
  await Promise.all([once(dying, 'exit'), engine.startMigration('damaged')]);
  const before = await verifiedRanges();
  expect(before).toHaveLength(1);
  engine.startProgram('worker-bulk-1', { CUBESHIFT_CRASH_POINT: '' });
  const rested = await engine.waitForRest('damaged');
  expect(rested).toMatchObject({
    status: 'waiting',
    stage: 'verified',
    verification: { status: 'clean', compared: 59_400 },
  });
  const after = await verifiedRanges();
  expect(after.length).toBeGreaterThanOrEqual(3);
  expect(after[0]).toEqual(before[0]);
  expect(new Set(after.map((range) => range.verification)).size).toBe(1);
  for (const [place, range] of after.entries()) expect(after[place + 1]?.after ?? range.upto).toBe(range.upto);
});

/** Stands in every value that the damages of the next test write or overwrite. */
const secret = 'geheim-4711';
let foreign: string[] = [];

test('every kind of damage at once is named by id and field, blocks, and no value of it leaves the ledger', async () => {
  const rows = await databases.legacy.query<{ id: string }>(
    `select id from saju_records where ${damageableRow} order by id limit 400`,
  );
  const sound = rows.rows.map((row) => row.id).filter((id) => !databases.rejected.has(id));
  const free = await databases.legacy.query<{ id: string }>(
    'select id + 1 as id from saju_records r where not exists (select 1 from saju_records n where n.id = r.id + 1) order by id limit 50',
  );
  const expected: string[] = [];
  const each = damages.filter((damage) => damage.name !== 'two rows swapped');
  for (const [place, damage] of each.entries()) {
    const ids = {
      id: sound[2 * place] ?? '',
      other: sound[2 * place + 1] ?? '',
      hole: free.rows[place]?.id ?? '',
    };
    await damage.inflict(databases, ids);
    expected.push(...damage.found(ids));
  }
  const told = sound.at(-1) ?? '';
  await databases.cube.query('update saju.charts set user_id = $2, interpretation = $2 where id = $1', [told, secret]);
  expected.push(`${told} user_id`, `${told} interpretation`);
  foreign = (await foreignRows()).map((row) => row.text);

  const [said] = await Promise.all([
    engine.steer('damaged', 'verify').then(() => eventsUntil(engine, 'damaged', 'rest')),
    engine.waitFor('damaged', 'blocked', (view) => view.status === 'blocked'),
  ]);
  const view = await engine.view('damaged');
  const found = view.verification.mismatches.map(({ id, field }) => `${id} ${field}`);
  expect([...found].sort()).toEqual([...expected].sort());
  expect(view).toMatchObject({
    status: 'blocked',
    stage: 'verifying',
    verification: { status: 'mismatch' },
    error: { type: 'verification_mismatch' },
    actions: expect.arrayContaining(['repair', 'verify', 'rejects/retry', 'rollback', 'cancel']),
  });
  expect(view.actions).not.toContain('complete');
  const refused = await engine.call('POST', '/v1/migrations/damaged/complete');
  expect(refused.status).toBe(409);

  const kept = await databases.cube.query<{ target_value: string; source_value: string }>(
    'select source_value, target_value from ledger.mismatches where source_id = $1',
    [told],
  );
  expect(kept.rows).toHaveLength(2);
  for (const row of kept.rows) {
    expect(row.target_value).toBe(secret);
    expect(row.source_value).toBeTruthy();
  }
  const leaks = {
    view: JSON.stringify(view),
    list: JSON.stringify((await engine.call('GET', '/v1/migrations')).body),
    report: JSON.stringify((await engine.call('GET', '/v1/migrations/damaged/report')).body),
    events: said,
    ledger: JSON.stringify(
      (
        await databases.cube.query(
          'select detail, what from ledger.events union all select error, id from ledger.migrations',
        )
      ).rows,
    ),
    history: await historyText(engine, 'saju-records/damaged'),
    bulkLog: engine.logOf('worker-bulk-1'),
    controlLog: engine.logOf('worker-control') + engine.logOf('control'),
  };
  for (const row of kept.rows) {
    for (const value of [row.source_value, row.target_value])
      for (const [place, text] of Object.entries(leaks))
        expect(text.includes(value), `${place} tells a value`).toBe(false);
  }
});

test('a repair makes both sides equal, and the next verification is clean', async () => {
  await engine.steer('damaged', 'repair');
  const view = await engine.waitFor('damaged', 'verified again', (seen) => seen.stage === 'verified');
  expect(view).toMatchObject({ status: 'waiting', error: null, verification: { status: 'clean', mismatches: [] } });
  await expectTargetEqualsSource(databases);
  // One row came and one went in legacy after the copy: what is told as migrated must be what is there.
  const there = await databases.cube.query<{ count: number }>('select count(*)::int as count from saju.charts');
  expect(view.progress.migrated).toBe(there.rows[0]?.count);
  expect(view.progress.migrated + view.progress.rejected).toBe(view.progress.total);
});

test('a rollback removes every row of the run and puts back what the repair had set aside', async () => {
  expect(foreign.length).toBeGreaterThanOrEqual(5);
  await engine.steer('damaged', 'rollback');
  expect((await engine.waitForRest('damaged')).status).toBe('rolled_back');
  const left = await databases.cube.query<{ text: string }>('select charts::text as text from saju.charts order by id');
  expect(left.rows.map((row) => row.text)).toEqual(foreign);
});

/** The target rows that no batch of the ledger owns, whole, in id order. */
async function foreignRows(): Promise<readonly { text: string }[]> {
  const found = await databases.cube.query<{ text: string }>(
    `select charts::text as text from saju.charts
      where not exists (select 1 from ledger.batches where charts.id > after and charts.id <= upto and ids @> charts.id) order by id`,
  );
  return found.rows;
}
