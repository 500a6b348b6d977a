import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RejectPage } from '../../src/api/rejects.js';
import { kindEntry } from '../../src/domain/catalog.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
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

test('every reason of the catalogue is counted and listed by itself, with an example and what to do', async () => {
  await engine.startMigration('reasons');
  await engine.waitForRest('reasons');
  const summary = await summaryOf(engine, 'reasons');
  expect(summary).toMatchObject({ open: databases.rejected.size, accepted: 0, moved: 0, gone: 0, children: 0 });
  const texts = kindEntry('saju-records').rejectReasons;
  const seen = new Set(databases.rejected.values());
  for (const [reason, text] of Object.entries(texts)) {
    const ids = [...databases.rejected].filter(([, one]) => one === reason).map(([id]) => id);
    const items = await listed(engine, 'reasons', `&reason=${reason}`);
    expect(items.map(({ id }) => id)).toEqual(ids.toSorted((a, b) => Number(a) - Number(b)));
    const counted = summary.reasons.find((one) => one.reason === reason);
    if (!seen.has(reason)) expect(counted).toBeUndefined();
    else expect(counted).toMatchObject({ open: ids.length, example: items[0]?.id, what_to_do: text });
  }
  expect(summary.reasons.map(({ open }) => open)).toEqual(
    summary.reasons.map(({ open }) => open).sort((a, b) => b - a),
  );
  // The reason that the test data cannot have: the cube database refuses no row of it.
  expect(Object.keys(texts).filter((reason) => !seen.has(reason))).toEqual(['refused_by_target']);
});

test('one reject is found by its id, of a table by its name, and one that is accepted says by whom, why and when', async () => {
  await engine.startMigration('found');
  await engine.waitForRest('found');
  const [first, second] = await listed(engine, 'found');
  await engine.steer('found', 'rejects/accept', { ids: [first?.id], by: 'kim', why: '시험 자료' });
  await engine.waitFor('found', 'at rest again', ({ status }) => status === 'waiting');
  const [accepted] = await listed(engine, 'found', `&id=${first?.id}`);
  expect(accepted).toMatchObject({ id: first?.id, resolution: 'accepted', by: 'kim', why: '시험 자료' });
  expect(Math.abs(Date.parse(accepted?.at ?? '') - Date.now())).toBeLessThan(60_000);
  expect(await listed(engine, 'found', `&id=saju_records:${second?.id}&table=saju_records`)).toMatchObject([
    { id: second?.id, resolution: 'open', by: null, why: null, at: null },
  ]);
  expect(await listed(engine, 'found', '&id=1&reason=date_invalid&resolution=moved')).toEqual([]);
  expect((await listed(engine, 'found', '&resolution=accepted')).map(({ id }) => id)).toEqual([first?.id]);
  expect(await listed(engine, 'found', '&table=saju_records')).toHaveLength(databases.rejected.size);
  for (const query of ['table=others', 'id=others:1', 'id=x', 'id=9223372036854775808', 'resolution=gone', 'reason=A'])
    expect([query, (await engine.call('GET', `/v1/migrations/found/rejects?${query}`)).status]).toEqual([query, 400]);
});

test('contents are shown to a token with records:read, and nothing of them to another', async () => {
  await engine.startMigration('contents');
  await engine.waitForRest('contents');
  const pages = await Promise.all(
    [['migration:read', 'records:read'], ['migration:read']].map(
      async (permissions) =>
        (await engine.call('GET', '/v1/migrations/contents/rejects', undefined, permissions)).body as RejectPage,
    ),
  );
  const [seeing, other] = pages.map(({ items }) => items);
  expect(seeing?.length).toBeGreaterThan(0);
  for (const { id, payload } of seeing ?? []) expect(payload).toMatchObject({ id });
  expect(other).toEqual(seeing?.map(({ payload: _, ...rest }) => rest));
});

test('a retry and an acceptance of one reason leave those of the others alone', async () => {
  await engine.startMigration('filtered');
  await engine.waitForRest('filtered');
  await engine.steer('filtered', 'rejects/retry', { reason: 'date_invalid' });
  await engine.waitFor('filtered', 'at rest again', ({ status }) => status === 'waiting');
  for (const { reason, attempts } of await listed(engine, 'filtered'))
    expect([reason, attempts]).toEqual([reason, reason === 'date_invalid' ? 2 : 1]);
  await engine.steer('filtered', 'rejects/accept', {
    table: 'saju_records',
    reason: 'hour_invalid',
    by: 'kim',
    why: 'known',
  });
  await engine.waitFor('filtered', 'at rest again', ({ status }) => status === 'waiting');
  for (const { reason, resolution } of await listed(engine, 'filtered'))
    expect([reason, resolution]).toEqual([reason, reason === 'hour_invalid' ? 'accepted' : 'open']);
  const refused = async (body: unknown, word = 'retry') =>
    (await engine.call('POST', `/v1/migrations/filtered/rejects/${word}`, body)).status;
  expect(await refused({ reason: 'drawing_unreadable' })).toBe(404);
  expect(await refused({ table: 'others' })).toBe(400);
  expect(await refused({ ids: ['1'], reason: 'date_invalid' })).toBe(400);
  expect(await refused({ all: true, reason: 'date_invalid', by: 'kim', why: 'known' }, 'accept')).toBe(400);
  expect(await refused({ by: 'kim', why: 'known' }, 'accept')).toBe(400);
});
