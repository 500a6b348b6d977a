import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RejectItem } from '../../src/domain/migration/reject-item.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { listed, summaryOf } from '../support/reject-pages.js';

let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(5000);
  engine = await Engine.start(databases);
});
afterEach(() => engine.rollBackUnfinished());
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

/** Those that are not in the target. */
async function rejectsOf(id: string): Promise<readonly RejectItem[]> {
  return (await listed(engine, id)).filter(({ resolution }) => resolution !== 'moved');
}

function topReasons(): string {
  const counts = new Map<string, number>();
  for (const reason of databases.rejected.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .sort(([a, x], [b, y]) => y - x || a.localeCompare(b))
    .slice(0, 3)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
}

test('too many rejects block with everything kept; accepted by a person, with a reason, the run goes on', async () => {
  await engine.startMigration('accepted', { reject_limit_percent: 0.5 });
  const blocked = await engine.waitFor('accepted', 'blocked', (view) => view.status === 'blocked');
  expect(blocked).toMatchObject({
    stage: 'copying',
    error: { type: 'too_many_rejects' },
    actions: ['rejects/retry', 'rejects/accept', 'verify', 'repair', 'cancel', 'rollback'],
  });
  const early = await rejectsOf('accepted');
  expect(early.length).toBe(blocked.progress.rejected);
  expect(blocked.error?.message).toMatch(
    new RegExp(`^${early.length} rows were rejected, more than the limit of 0.5 %: (\\w+ \\d+, ){2}\\w+ \\d+\\.$`),
  );
  const copied = await databases.cube.query<{ count: number }>('select count(*)::int as count from saju.charts');
  expect(copied.rows[0]?.count).toBe(blocked.progress.migrated);

  // The run may block more than once: what comes after an acceptance counts again.
  await engine.steer('accepted', 'rejects/accept', { all: true, by: 'kim', why: 'old test data' });
  const rested = await engine.waitFor(
    'accepted',
    'at rest',
    (view) => view.stage === 'verified' || view.status === 'blocked',
  );
  const known = new Set(early.map(({ id }) => id));
  const rest = (await rejectsOf('accepted')).filter(({ id }) => !known.has(id));
  if (rested.status === 'blocked') {
    await engine.steer('accepted', 'rejects/accept', { all: true, by: 'kim', why: 'old test data' });
    await engine.waitFor('accepted', 'verified', (view) => view.stage === 'verified' && view.status === 'waiting');
  }
  expect(rest.length + early.length).toBeLessThanOrEqual(50);
  const all = await rejectsOf('accepted');
  expect(new Map(all.map(({ id, reason }) => [id, reason]))).toEqual(databases.rejected);
  const accepted = await databases.cube.query(
    `select distinct accepted_by, accepted_why, accepted_at is not null as at from ledger.rejects
      where migration_id = 'accepted' and source_id = any ($1)`,
    [early.map(({ id }) => id)],
  );
  expect(accepted.rows).toEqual([{ accepted_by: 'kim', accepted_why: 'old test data', at: true }]);
  const audit = await engine.call('GET', '/v1/audit');
  expect(audit.body).toMatchObject({
    items: expect.arrayContaining([
      expect.objectContaining({
        actor: 'test',
        action: 'migration.rejects/accept',
        details: expect.objectContaining({ by: 'kim', why: 'old test data', rejects: 'all' }),
      }),
    ]),
  });
  await expectTargetEqualsSource(databases);
});

test('a limit that only the whole source passes blocks at its end and names the three most frequent reasons', async () => {
  await engine.startMigration('limit', { reject_limit_percent: 0.99, lanes: 1 });
  const blocked = await engine.waitFor('limit', 'blocked', (view) => view.status === 'blocked');
  expect(blocked).toMatchObject({
    progress: { total: 5000, migrated: 4950, rejected: 50 },
    error: { message: `50 rows were rejected, more than the limit of 0.99 %: ${topReasons()}.` },
  });
});

test('exactly at its limit a run goes on', async () => {
  await engine.startMigration('at-limit', { reject_limit_percent: 1 });
  expect(await engine.waitForRest('at-limit')).toMatchObject({ status: 'waiting', stage: 'verified' });
});

test('rows mended in legacy move with a retry, rows deleted there are gone, and all others stay with one attempt more', async () => {
  await engine.startMigration('retried', { reject_limit_percent: 0.99, lanes: 1 });
  await engine.waitFor('retried', 'blocked', (view) => view.status === 'blocked');
  const hours = await idsOf(
    'update saju_records set birth_hour = 23, birth_minute = 59 where birth_hour > 23 returning id',
  );
  const deleted = await idsOf('delete from saju_records where is_solar is null returning id');
  expect(hours.length).toBeGreaterThan(0);
  expect(deleted.length).toBeGreaterThan(0);
  const rest = new Map(databases.rejected);
  for (const id of [...hours, ...deleted]) rest.delete(id);

  await engine.steer('retried', 'rejects/retry');
  const view = await engine.waitFor(
    'retried',
    'verified',
    ({ stage, status }) => stage === 'verified' && status === 'waiting',
  );
  const open = await rejectsOf('retried');
  expect(new Map(open.map(({ id, reason }) => [id, reason]))).toEqual(rest);
  expect(new Set(open.map(({ attempts }) => attempts))).toEqual(new Set([2]));
  const ended = await databases.cube.query<{ id: string; resolution: string }>(
    `select source_id as id, resolution from ledger.rejects where migration_id = 'retried' and resolution not in ('open', 'accepted')`,
  );
  expect(new Map(ended.rows.map(({ id, resolution }) => [id, resolution]))).toEqual(
    new Map([...hours.map((id) => [id, 'migrated'] as const), ...deleted.map((id) => [id, 'gone'] as const)]),
  );
  expect(await summaryOf(engine, 'retried')).toMatchObject({
    open: rest.size,
    accepted: 0,
    moved: hours.length,
    gone: deleted.length,
    reasons: expect.arrayContaining([
      expect.objectContaining({ reason: 'calendar_missing', open: 0, moved: 0, gone: deleted.length }),
    ]),
  });
  const moved = await listed(engine, 'retried', '&resolution=moved');
  expect(moved.map(({ id }) => id)).toEqual(hours.toSorted((a, b) => Number(a) - Number(b)));
  for (const one of moved) expect(one).toMatchObject({ by: 'test', why: null, at: expect.stringMatching(/Z$/) });
  await expectTargetEqualsSource({ ...databases, rejected: rest });
  expect(view.progress).toMatchObject({
    migrated: 4950 + hours.length,
    rejected: rest.size,
    verified: 4950 + hours.length,
  });
  expect(view.last_operation).toMatchObject({
    action: 'rejects/retry',
    by: 'test',
    finished_at: expect.stringMatching(/Z$/),
    retried: { tried: 50, moved: hours.length, gone: deleted.length, as_before: rest.size, other_reason: 0 },
    repaired: null,
    summary: `${hours.length} of 50 rejects went through, ${rest.size} as before, ${deleted.length} no longer in legacy.`,
  });
});

async function idsOf(statement: string): Promise<readonly string[]> {
  return (await databases.legacy.query<{ id: string }>(statement)).rows.map((row) => row.id);
}

test("nothing is completed over rejects that are still open, by the plan's own word as by the ledger's", async () => {
  await engine.startMigration('unaccepted');
  const rested = await engine.waitForRest('unaccepted');
  expect(rested).toMatchObject({
    stage: 'verified',
    actions: ['verify', 'rejects/retry', 'rejects/accept', 'cancel', 'rollback'],
  });
  const refused = await engine.call('POST', '/v1/migrations/unaccepted/complete');
  expect(refused).toMatchObject({ status: 409, body: { type: 'not_at_this_stage', actions: rested.actions } });
  expect(refused.body).toMatchObject({ detail: expect.stringContaining('rejects that are still open') });
  const [first] = await rejectsOf('unaccepted');
  // One alone is not all.
  await engine.steer('unaccepted', 'rejects/accept', { ids: [first?.id], by: 'kim', why: 'known' });
  await engine.waitFor('unaccepted', 'at rest again', ({ status }) => status === 'waiting');
  expect((await engine.call('POST', '/v1/migrations/unaccepted/complete')).status).toBe(409);
  await engine.accept('unaccepted');
  expect((await engine.view('unaccepted')).actions[0]).toBe('complete');
});

test.each([
  ['retry', {}],
  ['accept', { by: 'kim', why: 'known' }],
])('%s of ids alone that are no rejects of the run is 404 and changes nothing', async (word, body) => {
  const id = `unknown-${word}`;
  await engine.startMigration(id);
  const before = await engine.waitForRest(id);
  const good = await databases.cube.query<{ id: string }>('select min(id) as id from saju.charts');
  const ids = [String(good.rows[0]?.id), '9223372036854775807', '-1'];
  const refused = await engine.call('POST', `/v1/migrations/${id}/rejects/${word}`, { ids, ...body });
  expect(refused).toMatchObject({ status: 404, body: { type: 'not_found' } });
  expect(await engine.view(id)).toEqual(before);
  const audit = await engine.call('GET', '/v1/audit?limit=1');
  expect(JSON.stringify(audit.body)).not.toContain(`rejects/${word}`);
  const [first] = await rejectsOf(id);
  // Among others a known one is enough.
  expect(
    (await engine.call('POST', `/v1/migrations/${id}/rejects/${word}`, { ids: [...ids, first?.id], ...body })).status,
  ).toBe(202);
  await engine.waitFor(id, 'at rest again', ({ status }) => status === 'waiting');
});

test('a row that is named alone is the only one that is tried again', async () => {
  await engine.startMigration('named');
  await engine.waitForRest('named');
  const [first, second] = await rejectsOf('named');
  await engine.steer('named', 'rejects/retry', { ids: [first?.id] });
  await engine.waitForRest('named');
  const after = await rejectsOf('named');
  expect(after.find(({ id }) => id === first?.id)?.attempts).toBe(2);
  expect(after.find(({ id }) => id === second?.id)?.attempts).toBe(1);
  await engine.steer('named', 'rejects/retry', { ids: [`saju_records:${second?.id}`] });
  await engine.waitForRest('named');
  expect((await rejectsOf('named')).find(({ id }) => id === second?.id)?.attempts).toBe(2);
});
