import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KindItems } from '../../src/kinds/kind.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { until } from '../support/conditions.js';
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
    truncate crawler.talismans, crawler.talisman_orders, crawler.drawings, ledger.items;
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
    `select (select count(*)::int from crawler.talismans where id = $1) as rows,
            (select count(*)::int from crawler.drawings where talisman_id = $1) as drawings,
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
      const row = await addresses.cube.query('select id from crawler.talismans where id = $1', [claim.item.id]);
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
  await addresses.cube.query('delete from crawler.talismans where id = 24');
  await addresses.cube.query('delete from crawler.talisman_orders where talisman_id = 24');
  const next = await start();
  await next.move();
  await expectNothingOf(24);
  await deleteInLegacy(25);
  await addresses.cube.query('delete from crawler.talismans where id = 25');
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
  const row = await addresses.cube.query('select from crawler.talismans where id = 26');
  expect(row.rowCount).toBe(1);
  // Legacy has it again: the item is made again.
  await addresses.legacy.query("insert into talismans (id, name, drawing) values (26, 't26', '<svg>26</svg>')");
  await failing.with(drawings).moveItems();
  const states = await addresses.cube.query("select from ledger.items where item_id = 26 and state = 'done'");
  expect(states.rowCount).toBe(2);
});

describe('an attempt of a step that was frozen while its item was found unfit, and wakes up', () => {
  async function unfit(id: number): Promise<TalismanRun> {
    const run = await start();
    await run.copy();
    await addresses.legacy.query("update talismans set drawing = 'torn' where id = $1", [id]);
    expect(await run.makeStep(id, 'store')).toMatchObject({ kind: 'unfit' });
    await run.undoItem(id);
    return run;
  }

  async function expectRejectedAlone(run: TalismanRun, id: number): Promise<void> {
    const steps = await addresses.cube.query('select state from ledger.items where item_id = $1', [id]);
    expect(steps.rows).toEqual([{ state: 'undone' }]);
    const row = await addresses.cube.query('select from crawler.talismans where id = $1', [id]);
    expect(row.rowCount).toBe(0);
    await run.moveItems();
    expect(await run.verify()).toMatchObject({ clean: true });
    await run.complete();
  }

  test('once the row has left begins nothing', async () => {
    const run = await unfit(30);
    await run.rejectItem(30);
    await expect(run.makeStep(30, 'store')).rejects.toMatchObject({ type: 'claim_lost' });
    await expectRejectedAlone(run, 30);
  });

  test('while the row leaves waits for that, and begins nothing', async () => {
    const run = await unfit(31);
    const rejects = await HeldLock.take('lock table ledger.rejects in share mode');
    const leaving = run.rejectItem(31);
    await rejects.untilMet(1);
    const late = run.makeStep(31, 'store');
    late.catch(() => undefined);
    await rejects.untilMet(2);
    await rejects.release();
    await leaving;
    await expect(late).rejects.toMatchObject({ type: 'claim_lost' });
    await expectRejectedAlone(run, 31);
  });

  test('just before the row leaves keeps it until its step is undone too', async () => {
    const run = await unfit(32);
    const row = await HeldLock.take('select from crawler.talismans where id = 32 for update');
    const leaving = run.rejectItem(32);
    leaving.catch(() => undefined);
    await row.untilMet(1);
    expect(await run.makeStep(32, 'store')).toMatchObject({ kind: 'unfit' });
    await row.release();
    await expect(leaving).rejects.toMatchObject({ type: 'claim_lost' });
    const kept = await addresses.cube.query('select from crawler.talismans where id = 32');
    expect(kept.rowCount).toBe(1);
    await run.rejectItem(32);
    await expectRejectedAlone(run, 32);
  });
});

test('a repair has every item made again that differs, though the verification kept the fields of a thousand rows only', async () => {
  const run = await start();
  await addresses.legacy.query(
    "insert into talismans (id, name, drawing) select n, 't' || n, '<svg>' || n || '</svg>' from generate_series(1001, 2100) as n",
  );
  await run.copy();
  // As if each had been taken through its steps, and damaged then.
  await addresses.cube.query(`
    insert into crawler.drawings select id, case when id > 1000 then 'smudged' else '<svg>' || id || '</svg>' end, now()
      from crawler.talismans;
    insert into ledger.items (kind, table_name, item_id, step, place, migration_id, state, token)
    select 'talismans', 'talismans', id, step, place, '${run.id}', 'done', 0
      from crawler.talismans, (values ('store', 0), ('publish', 1)) as steps (step, place)`);
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
  [
    'a step begun again, and not made',
    "update ledger.items set state = 'begun' where item_id = 27 and step = 'publish'",
  ],
])('a run is not completed while an item in the cube lacks a step: the ledger has %s', async (_, damage) => {
  const run = await start();
  await run.move();
  expect(await run.verify()).toMatchObject({ clean: true });
  await addresses.cube.query(damage);
  await expect(run.complete()).rejects.toMatchObject({
    message: expect.stringContaining('[27,28)'),
    details: [{ hint: expect.stringContaining('cancel the migration') }],
  });
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

test('a rollback keeps the row of an item that it cannot undo, and the next rollback removes both', async () => {
  const run = await start();
  await run.move();
  const stuck = run.with({
    undo: async (claim, step) => {
      if (claim.item.id === '33') throw new Error('no');
      await drawings.undo(claim, step);
    },
  });
  expect(await stuck.rollBack()).toEqual([
    expect.stringMatching(/^1 items were not undone: 33 \(/),
    '1 rows of crawler.talismans stay, since what was done to their items was not undone: id 33.',
  ]);
  const left = `
    select (select array_agg(id::int) from crawler.talismans) as rows,
           (select count(*)::int from crawler.talisman_orders) as orders,
           (select array_agg(talisman_id::int) from crawler.drawings) as drawings,
           (select range_agg(ids)::text from ledger.batches where state = 'owned') as owned`;
  const kept = await addresses.cube.query(left);
  expect(kept.rows).toEqual([{ rows: [33], orders: 0, drawings: [33], owned: '{[33,34)}' }]);
  expect(await (await start()).rollBack()).toEqual([]);
  const gone = await addresses.cube.query(left);
  expect(gone.rows).toEqual([{ rows: null, orders: 0, drawings: null, owned: null }]);
});

/** Locks of the cube that are held until they are released. */
class HeldLock {
  private constructor(private readonly client: pg.PoolClient) {}

  static async take(sql: string): Promise<HeldLock> {
    const client = await addresses.cube.connect();
    await client.query('begin');
    await client.query(sql);
    return new HeldLock(client);
  }

  /** Until so many sessions wait for a lock. */
  async untilMet(sessions: number): Promise<void> {
    await until(`${sessions} sessions to wait`, async () => {
      const waiting = await addresses.cube.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return waiting.rowCount === sessions;
    });
  }

  async release(): Promise<void> {
    await this.client.query('rollback');
    this.client.release();
  }
}
