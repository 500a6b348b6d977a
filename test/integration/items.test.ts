import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createItemSteps } from '../../src/activities/item-steps.js';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { defaultOptionsOf } from '../../src/domain/catalog.js';
import type { ItemRef } from '../../src/domain/migration/items.js';
import type { MigrationId } from '../../src/domain/migration/migration.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import type { KindItems } from '../../src/kinds/kind.js';
import { registry } from '../../src/kinds/registry.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { addNewKind, newKind, removeNewKind } from '../support/new-kind.js';

// A kind is compared with its line of the catalogue when it is made.
addNewKind();
const { talismans } = await import('../new-kind/kind/kind.js');

/** What is done to items, on real databases: steps, their ledger, and their undo. */
let addresses: TestDatabases;
let databases: Databases;
let sequence = 0;

const parts = join(import.meta.dirname, '..', 'new-kind');
const part = (name: string) => readFileSync(join(parts, name), 'utf8');
const item = (id: number): ItemRef => ({ table: 'talismans', id: String(id) });
const drawings = talismans.items as KindItems;

beforeAll(async () => {
  addresses = await createDatabases(0);
  await upgradeLedger(addresses.cubeUrl);
  databases = openDatabases(addresses, 'cubeshift test', 6);
  await addresses.legacy.query(part('legacy.sql'));
  await addresses.cube.query(part('migration.sql'));
  await addresses.legacy.query(
    "insert into talismans (id, name, drawing) select n, 't' || n, '<svg>' || n || '</svg>' from generate_series(1, 5) as n",
  );
});
afterAll(async () => {
  removeNewKind();
  await databases.close();
  await addresses.drop();
});
beforeEach(async () => {
  await addresses.cube.query(`
    truncate crawler.talismans, crawler.drawings, ledger.items;
    update ledger.batches set state = 'removed';
    update ledger.migrations set status = 'cancelled', finished_at = now() where finished_at is null;
    insert into crawler.talismans (id, name) select n, 't' || n from generate_series(1, 5) as n`);
});

/** A run that is at work, and owns the rows. */
async function startRun(id: string): Promise<RunReference> {
  const options = defaultOptionsOf(newKind);
  const start = {
    id: id as MigrationId,
    kind: newKind,
    mode: 'copy',
    options,
    idempotencyKey: undefined,
    by: 'test',
  } as const;
  await recordStart(databases.cube, start);
  await databases.cube.query(
    `insert into ledger.batches (migration_id, kind, table_name, token, worker, origin, after, upto, migrated, rejected, bytes, ids)
     values ($1, $2, 'talismans', 0, 'test/0', 'copied', 0, 5, 5, 0, 0, '{[1,5]}')`,
    [id, newKind],
  );
  return goOn({ migrationId: id, kind: newKind, sequence: 0 });
}

/** The run in its next state. */
async function goOn(run: RunReference): Promise<RunReference> {
  const next = { ...run, sequence: ++sequence };
  const state = { stage: 'copying', status: 'running', runId: 'r', by: 'test', what: 'step', settles: false } as const;
  await recordRunState(databases.cube, run.migrationId, { ...state, sequence: next.sequence });
  return next;
}

function steps(items: Partial<KindItems> = {}) {
  const deps = { databases, worker: 'test/0', reach: () => undefined };
  const all = createItemSteps(deps, { ...registry, [newKind]: { ...talismans, items: { ...drawings, ...items } } });
  const perform = <Args extends unknown[], R>(activity: (...args: Args) => Promise<R>, ...args: Args): Promise<R> =>
    new MockActivityEnvironment().run(activity, ...args);
  return {
    list: (run: RunReference, after: string | null = null, max = 10) => perform(all.listItems, run, after, max),
    make: (run: RunReference, one: ItemRef, step: string) => perform(all.runItemStep, run, one, step),
    undo: (run: RunReference, one: ItemRef) => perform(all.undoItem, run, one),
    undoAll: (run: RunReference, scope: 'all' | 'unfinished') => perform(all.undoItems, run, scope),
    finalize: (run: RunReference) =>
      perform(createMigrationSteps(deps, { ...registry, [newKind]: talismans }).finalize, run),
  };
}

async function makeAll(run: RunReference, ...ids: number[]): Promise<void> {
  for (const id of ids) for (const step of ['store', 'publish']) await steps().make(run, item(id), step);
}

async function onRecord(): Promise<readonly string[]> {
  const found = await addresses.cube.query<{ line: string }>(
    "select concat_ws(' ', item_id, step, state) as line from ledger.items order by item_id, place",
  );
  return found.rows.map(({ line }) => line);
}

async function stored(): Promise<readonly string[]> {
  const found = await addresses.cube.query<{ line: string }>(
    "select talisman_id || case when published_at is null then '' else ' published' end as line from crawler.drawings order by talisman_id",
  );
  return found.rows.map(({ line }) => line);
}

describe('a step', () => {
  test('is on record before it runs, so that it is undone whatever becomes of it', async () => {
    const run = await startRun('registered');
    let seen: readonly string[] = [];
    const dying = steps({
      do: async () => {
        seen = await onRecord();
        throw new Error('killed');
      },
    });
    await expect(dying.make(run, item(1), 'store')).rejects.toThrow();
    expect(seen).toEqual(['1 store begun']);
    expect(await onRecord()).toEqual(['1 store begun']);
  });

  test('that was carried out by a worker which died before it said so is found carried out', async () => {
    const run = await startRun('died');
    const dying = steps({
      do: async (claim, step) => {
        await drawings.do(claim, step);
        throw new Error('killed');
      },
    });
    await expect(dying.make(run, item(1), 'store')).rejects.toThrow();
    expect(await onRecord()).toEqual(['1 store begun']);
    expect(await steps().make(run, item(1), 'store')).toEqual({ kind: 'done' });
    expect(await onRecord()).toEqual(['1 store done']);
    expect(await stored()).toEqual(['1']);
  });

  test('that a run has made is not made again by it, and is made again by a later run', async () => {
    const run = await startRun('once');
    await makeAll(run, 1);
    let made = 0;
    const counting = steps({
      do: async () => {
        made++;
        return { kind: 'done' };
      },
    });
    await counting.make(run, item(1), 'store');
    expect(made).toBe(0);
    await addresses.cube.query(
      "update ledger.migrations set status = 'cancelled', finished_at = now() where id = 'once'",
    );
    await counting.make(await startRun('later'), item(1), 'store');
    expect(made).toBe(1);
  });

  test('that comes late, when its run has gone on, changes nothing', async () => {
    const late = await startRun('late');
    await steps().make(await goOn(late), item(1), 'store');
    const before = await onRecord();
    await expect(steps().make(late, item(2), 'store')).rejects.toMatchObject({
      type: 'claim_lost',
    });
    expect(await onRecord()).toEqual(before);
  });

  test('whose worker was frozen and wakes after an undo changes nothing', async () => {
    const run = await startRun('frozen');
    const waking = steps({
      do: async (claim, step) => {
        await steps().undo(run, claim.item);
        return drawings.do(claim, step);
      },
    });
    await expect(waking.make(run, item(1), 'store')).rejects.toMatchObject({ type: 'claim_lost' });
    expect(await stored()).toEqual([]);
    expect(await onRecord()).toEqual(['1 store undone']);
  });
});

describe('an undo', () => {
  test('takes the steps of an item back in reverse order, once', async () => {
    const run = await startRun('reverse');
    await makeAll(run, 1, 2);
    const undone: string[] = [];
    const watching = steps({
      undo: async (claim, step) => {
        undone.push(claim.step);
        await drawings.undo(claim, step);
      },
    });
    await watching.undo(run, item(1));
    await watching.undo(run, item(1));
    expect(undone).toEqual(['publish', 'store']);
    expect(await stored()).toEqual(['2 published']);
  });

  test('that fails for one item does not keep the others, and names what is left', async () => {
    const run = await startRun('left');
    await makeAll(run, 1, 2, 3);
    const failing = steps({
      undo: async (claim, step) => {
        if (claim.item.id === '2') throw new Error('no');
        await drawings.undo(claim, step);
      },
    });
    await expect(failing.undoAll(run, 'all')).rejects.toMatchObject({
      type: 'undo_incomplete',
      message: expect.stringMatching(/^1 items were not undone: 2 \(/),
    });
    expect(await stored()).toEqual(['2 published']);
    await steps().undoAll(run, 'all');
    expect(await stored()).toEqual([]);
  });

  test('of a cancelled run gives back what is in the middle of its steps, and keeps what is done', async () => {
    const run = await startRun('middle');
    await makeAll(run, 1);
    await steps().make(run, item(2), 'store');
    await steps().undoAll(run, 'unfinished');
    expect(await stored()).toEqual(['1 published']);
  });

  test('of a cancelled run gives back what an earlier run that failed has left in the middle of its steps', async () => {
    const failed = await startRun('failed');
    await makeAll(failed, 1, 2, 3);
    await addresses.cube.query("update ledger.items set state = 'begun' where item_id = 2 and step = 'publish'");
    await addresses.cube.query(
      "update ledger.migrations set status = 'failed', finished_at = now() where id = 'failed'",
    );
    const run = await startRun('later-cancelled');
    // Its second step is the earlier run's: what that one has published is not there any more.
    await steps().make(run, item(3), 'store');
    await steps().undoAll(run, 'unfinished');
    expect(await stored()).toEqual(['1 published']);
    expect(await onRecord()).toEqual([
      '1 store done',
      '1 publish done',
      '2 store undone',
      '2 publish undone',
      '3 store undone',
      '3 publish undone',
    ]);
  });

  test('of a run that is rolled back takes back all that an earlier run that failed has left', async () => {
    const failed = await startRun('failed-before');
    await makeAll(failed, 1);
    await steps().make(failed, item(2), 'store');
    await addresses.cube.query(
      "update ledger.migrations set status = 'failed', finished_at = now() where id = 'failed-before'",
    );
    await steps().undoAll(await startRun('rolled-back'), 'all');
    expect(await stored()).toEqual([]);
  });

  test('takes back what a cancelled run of the kind has left, and nothing that was handed over', async () => {
    await makeAll(await startRun('cancelled'), 1);
    await addresses.cube.query(
      "update ledger.migrations set status = 'cancelled', finished_at = now() where id = 'cancelled'",
    );
    await steps().undoAll(await startRun('next'), 'all');
    expect(await stored()).toEqual([]);

    const last = await goOn({ migrationId: 'next', kind: newKind, sequence: 0 });
    await makeAll(last, 1);
    // An item that left the cube in the middle of its steps: nothing is handed over before it is undone.
    await steps().make(last, item(2), 'store');
    await addresses.cube.query(`
      update ledger.items set state = 'begun' where item_id = 2;
      update ledger.batches set ids = '{[1,1]}' where state = 'owned'`);
    await expect(steps().finalize(last)).rejects.toMatchObject({ type: 'undo_incomplete' });
    expect(await onRecord()).toEqual(['1 store done', '1 publish done', '2 store begun']);
    await steps().undoAll(last, 'unfinished');
    await addresses.cube.query("delete from ledger.items where state = 'undone'");
    await steps().finalize(last);
    expect(await onRecord()).toEqual(['1 store final', '1 publish final']);
    await steps().undoAll(await startRun('after'), 'all');
    expect(await stored()).toEqual(['1 published']);
  });
});

test('items are listed page by page, those left out that the run has taken through all their steps', async () => {
  const run = await startRun('listed');
  expect(await steps().list(run, null, 2)).toEqual({ items: [item(1), item(2)], next: '2' });
  expect(await steps().list(run, '2', 10)).toEqual({ items: [item(3), item(4), item(5)], next: null });
  await makeAll(run, 1, 3);
  await steps().make(run, item(2), 'store');
  expect((await steps().list(run)).items).toEqual([item(2), item(4), item(5)]);
});

test('a row that no run owns is no item: it is not listed, and no step of it begins', async () => {
  const run = await startRun('not-owned');
  await addresses.cube.query(
    "update ledger.batches set ids = ids - '{[2,2],[5,5]}'::int8multirange where state = 'owned'",
  );
  expect((await steps().list(run)).items).toEqual([item(1), item(3), item(4)]);
  await expect(steps().make(run, item(2), 'store')).rejects.toMatchObject({ type: 'claim_lost' });
  expect(await onRecord()).toEqual([]);
});
