import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { createLibrary, libraryTables } from '../support/related-tables.js';
import { RowsRun } from '../support/rows-run.js';

/** With two books each, and three loans of each book: 360 rows. */
const shelfCount = 40;
let databases: TestDatabases;
let run: RowsRun;
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(0);
});
beforeEach(async () => {
  await createLibrary(databases, shelfCount);
  run = await RowsRun.open(databases, `passed-${++runs}`, libraryTables);
  await run.copy({ rangeRows: 25 });
  await run.pass();
  expect(await run.verify()).toMatchObject({ clean: true });
  return async () => {
    await run.rollBack().finally(() => run.close());
    await legacy('drop table loans, books, shelves');
    await databases.cube.query('drop schema library cascade');
  };
});
afterAll(() => databases.drop());

async function legacy(statement: string): Promise<void> {
  await databases.legacy.query(statement);
}

async function movedByPasses(): Promise<number> {
  const found = await databases.cube.query<{ rows: string }>(
    "select coalesce(sum(abs(migrated) + rejected), 0) as rows from ledger.batches where migration_id = $1 and origin = 'passed'",
    [run.id],
  );
  return Number(found.rows[0]?.rows);
}

test('nothing is touched where legacy is as it was', async () => {
  expect(await run.pass()).toBe(0);
  expect(await movedByPasses()).toBe(0);
});

test('rows that legacy changed, added and deleted are moved, in every table', async () => {
  await legacy(`
    update shelves set name = 'another' where id = 2;
    insert into shelves (id, name) values (1000, 'new');
    insert into books (id, shelf_id, name) values (1000, 1000, 'new');
    delete from loans where book_id = 7; delete from books where id = 7`);
  expect(await run.verify()).toMatchObject({ clean: false });
  expect(await run.pass()).toBe(3);
  expect(await run.verify()).toMatchObject({ clean: true, found: [] });
  expect(await run.pass()).toBe(0);
});

test('what only the cube changed is left to a repair', async () => {
  await databases.cube.query("update library.books set name = 'damaged' where id = 5");
  expect(await run.pass()).toBe(0);
  expect(await run.verify()).toMatchObject({ clean: false, found: ['books 5 name'] });
  expect(await run.pass()).toBe(0);
  expect(await run.verify()).toMatchObject({ clean: false, found: ['books 5 name'] });
  await run.repair();
  expect(await run.verify()).toMatchObject({ clean: true });
});

test('a parent that legacy made unfit takes its children along, and both come back when it is mended and retried', async () => {
  await legacy("update shelves set name = 'bad' where id = 3");
  await run.pass();
  expect(await run.verify()).toMatchObject({ clean: true });
  const left = await databases.cube.query('select from library.books where shelf_id = 3');
  expect(left.rowCount).toBe(0);
  await legacy("update shelves set name = 'good' where id = 3");
  await run.retryRejects();
  await run.pass();
  expect(await run.verify()).toMatchObject({ clean: true });
  const back = await databases.cube.query('select from library.books where shelf_id = 3');
  expect(back.rowCount).toBe(2);
});

test('a reject that legacy deleted is on record as gone', async () => {
  await legacy("update loans set name = 'bad' where id = 9");
  await run.pass();
  await legacy('delete from loans where id = 9');
  await run.pass();
  expect(await run.verify()).toMatchObject({ clean: true });
});

test('rows that legacy adds after a pass are not claimed, and the next pass moves them', async () => {
  await run.pass();
  await legacy(`
    insert into shelves (id, name) values (2000, 'later');
    insert into books (id, shelf_id, name) values (2000, 2000, 'later'), (2001, 3, 'later')`);
  expect(await run.verify()).toMatchObject({ clean: true });
  await run.pass();
  const moved = await databases.cube.query('select from library.books where id >= 2000');
  expect(moved.rowCount).toBe(2);
  expect(await run.verify()).toMatchObject({ clean: true });
});

test('a row that only the cube has is found wherever its id is, and the newest row of legacy leaves when it is deleted', async () => {
  await databases.cube.query("insert into library.shelves (id, name) values (5000, 'of no run')");
  expect(await run.verify()).toMatchObject({ clean: false, found: ['shelves 5000 extra row'] });
  await databases.cube.query('delete from library.shelves where id = 5000');
  await legacy('delete from loans where id = (select max(id) from loans)');
  await run.pass();
  expect(await run.verify()).toMatchObject({ clean: true });
});

test('a pass that is killed is gone on with by the next', async () => {
  await legacy("update shelves set name = 'another ' || id");
  const kill = (point: string) => {
    if (point === 'after-repair-commit') throw new Error('killed');
  };
  await expect(run.pass(kill)).rejects.toThrow('killed');
  await run.pass();
  expect(await run.verify()).toMatchObject({ clean: true });
});
