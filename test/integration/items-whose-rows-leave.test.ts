import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { KindItems } from '../../src/kinds/kind.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { addNewKind, removeNewKind } from '../support/new-kind.js';
import { newKindPart, TalismanRun } from '../support/talisman-run.js';

// A kind is compared with its line of the catalogue when it is made.
addNewKind();
const { talismans } = await import('../new-kind/kind/kind.js');
const drawings = talismans.items as KindItems;

/** Repairs and adoptions change rows that are items: what was done to an item whose row leaves is undone, and one that differs is made again. */
let addresses: TestDatabases;
let databases: Databases;
let runs = 0;

const count = 60;

beforeAll(async () => {
  addresses = await createDatabases(0);
  await upgradeLedger(addresses.cubeUrl);
  databases = openDatabases(addresses, 'cubeshift test', 6);
  await addresses.legacy.query(newKindPart('legacy.sql'));
  await addresses.cube.query(newKindPart('migration.sql'));
});
afterAll(async () => {
  removeNewKind();
  await databases.close();
  await addresses.drop();
});
beforeEach(async () => {
  await addresses.cube.query(`
    truncate paperwork.talismans, paperwork.talisman_orders, paperwork.drawings, ledger.items;
    update ledger.batches set state = 'removed';
    update ledger.migrations set status = 'cancelled', finished_at = now() where finished_at is null`);
  await addresses.legacy.query(`
    truncate talismans, talisman_orders;
    insert into talismans (id, name, drawing) select n, 't' || n, '<svg>' || n || '</svg>' from generate_series(1, ${count}) as n;
    insert into talisman_orders (id, talisman_id, buyer) select n, n, 'buyer' from generate_series(1, ${count}) as n`);
});

function start(): Promise<TalismanRun> {
  return TalismanRun.start(`leaving-${++runs}`, databases, talismans);
}

async function expectNothingOf(id: number): Promise<void> {
  const found = await addresses.cube.query<{ rows: number; drawings: number; states: string[] }>(
    `select (select count(*)::int from paperwork.talismans where id = $1) as rows,
            (select count(*)::int from paperwork.drawings where talisman_id = $1) as drawings,
            array(select state from ledger.items where item_id = $1 order by place) as states`,
    [id],
  );
  expect(found.rows).toEqual([{ rows: 0, drawings: 0, states: ['undone', 'undone'] }]);
}

async function deleteInLegacy(id: number): Promise<void> {
  await addresses.legacy.query('delete from talisman_orders where talisman_id = $1', [id]);
  await addresses.legacy.query('delete from talismans where id = $1', [id]);
}

test('a repair undoes the steps of an item that legacy deleted before the row leaves, and the run can be completed', async () => {
  const run = await start();
  await run.move();
  await deleteInLegacy(20);
  expect(await run.verify()).toMatchObject({ clean: false });
  const rowsAtUndo: unknown[] = [];
  const watched = run.with({
    undo: async (claim, step) => {
      const row = await addresses.cube.query('select id from paperwork.talismans where id = $1', [claim.item.id]);
      rowsAtUndo.push(`${claim.item.id} ${claim.step} ${row.rowCount}`);
      await drawings.undo(claim, step);
    },
  });
  await watched.repair();
  expect(rowsAtUndo).toEqual(['20 publish 1', '20 store 1']);
  await expectNothingOf(20);
  expect(await watched.verify()).toMatchObject({ clean: true });
  await watched.complete();
});

test('an item that legacy made unfit to be converted is undone by the repair that rejects it', async () => {
  const run = await start();
  await run.move();
  await addresses.legacy.query("update talismans set name = ' ' where id = 21");
  await run.verify();
  await run.repair();
  await expectNothingOf(21);
  expect(await run.verify()).toMatchObject({ clean: true });
});

test('a later run that adopts the rows undoes the steps of an item that legacy deleted meanwhile', async () => {
  const first = await start();
  await first.move();
  await first.cancel();
  await deleteInLegacy(22);
  const next = await start();
  await next.move();
  await expectNothingOf(22);
  expect(await next.verify()).toMatchObject({ clean: true });
  await next.complete();
});

test('so does one that copies a range whole because too much of it differs', async () => {
  const first = await start();
  await first.move();
  await first.cancel();
  await deleteInLegacy(23);
  await addresses.legacy.query("update talismans set name = 'other' where id > 10");
  const next = await start();
  await next.move();
  await expectNothingOf(23);
  expect(await next.verify()).toMatchObject({ clean: true });
  await next.complete();
});

test('an item of which neither side has the row any more is undone', async () => {
  const first = await start();
  await first.move();
  await first.cancel();
  await deleteInLegacy(24);
  await addresses.cube.query('delete from paperwork.talismans where id = 24');
  await addresses.cube.query('delete from paperwork.talisman_orders where talisman_id = 24');
  const next = await start();
  await next.move();
  await expectNothingOf(24);
  await deleteInLegacy(25);
  await addresses.cube.query('delete from paperwork.talismans where id = 25');
  await next.verify();
  await next.repair();
  await expectNothingOf(25);
  expect(await next.verify()).toMatchObject({ clean: true });
  await next.complete();
});

test('a repair whose undo fails leaves row and steps, and its next attempt goes on', async () => {
  const run = await start();
  await run.move();
  await deleteInLegacy(26);
  await run.verify();
  const failing = run.with({
    undo: async (claim, step) => {
      if (claim.step === 'store') throw new Error('no');
      await drawings.undo(claim, step);
    },
  });
  await expect(failing.repair()).rejects.toThrow();
  const row = await addresses.cube.query('select from paperwork.talismans where id = 26');
  expect(row.rowCount).toBe(1);
  // Legacy has it again: the item is made again.
  await addresses.legacy.query("insert into talismans (id, name, drawing) values (26, 't26', '<svg>26</svg>')");
  await failing.with(drawings).moveItems();
  const states = await addresses.cube.query("select from ledger.items where item_id = 26 and state = 'done'");
  expect(states.rowCount).toBe(2);
});

test('a repair has every item made again that differs, though the verification kept the fields of a thousand rows only', async () => {
  const run = await start();
  await addresses.legacy.query(
    "insert into talismans (id, name, drawing) select n, 't' || n, '<svg>' || n || '</svg>' from generate_series(1001, 2100) as n",
  );
  await run.copy();
  // As if each had been taken through its steps, and damaged then.
  await addresses.cube.query(`
    insert into paperwork.drawings select id, case when id > 1000 then 'smudged' else '<svg>' || id || '</svg>' end, now()
      from paperwork.talismans;
    insert into ledger.items (kind, table_name, item_id, step, place, migration_id, state, token)
    select 'talismans', 'talismans', id, step, place, '${run.id}', 'done', 0
      from paperwork.talismans, (values ('store', 0), ('publish', 1)) as steps (step, place)`);
  expect(await run.verify()).toMatchObject({ mismatched: 1100 });
  const detailed = await addresses.cube.query(
    'select from ledger.mismatches where verification_id = (select max(id) from ledger.verifications)',
  );
  expect(detailed.rowCount).toBe(1000);
  await run.repair();
  const states = await addresses.cube.query(
    'select state, min(item_id)::int as min, count(distinct item_id)::int as items from ledger.items group by state order by min',
  );
  expect(states.rows).toEqual([
    { state: 'done', min: 1, items: count },
    { state: 'begun', min: 1001, items: 1100 },
  ]);
});

test.each([
  ['no step of one', 'delete from ledger.items where item_id = 27'],
  ['not the last step of one', "delete from ledger.items where item_id = 27 and step = 'publish'"],
  ['an item undone, and not made again', "update ledger.items set state = 'undone' where item_id = 27"],
])('a run is not completed while an item in the cube lacks a step: the ledger has %s', async (_, damage) => {
  const run = await start();
  await run.move();
  expect(await run.verify()).toMatchObject({ clean: true });
  await addresses.cube.query(damage);
  await expect(run.complete()).rejects.toMatchObject({ message: expect.stringContaining('[27,28)') });
  const kept = await addresses.cube.query(
    `select (select status from ledger.migrations where id = $1) as status,
            (select count(*)::int from ledger.batches where state = 'final' and migration_id = $1) as batches,
            (select count(*)::int from ledger.items where state = 'final') as items`,
    [run.id],
  );
  expect(kept.rows).toEqual([{ status: 'running', batches: 0, items: 0 }]);
  await run.moveItems();
  await run.complete();
  const items = await addresses.cube.query("select from ledger.items where state = 'final'");
  expect(items.rowCount).toBe(2 * count);
});
