import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MigrationKind } from '../../src/domain/catalog.js';
import { preflightTables } from '../../src/kinds/rows/preflight/preflight.js';
import { createRowsKind } from '../../src/kinds/rows/rows-kind.js';
import { claimRange, releaseRanges } from '../../src/postgres/ledger/ranges.js';
import { readRejectPage } from '../../src/postgres/ledger/reject-page.js';
import { acceptRejects, countRejects } from '../../src/postgres/ledger/rejects.js';
import { readReport } from '../../src/postgres/ledger/report-records.js';
import { readMigration } from '../../src/postgres/ledger/run-view.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { books, createLibrary, libraryTables, loans, shelves } from '../support/related-tables.js';
import { RowsRun } from '../support/rows-run.js';

/** With two books each, and three loans of each book: 360 rows. */
const shelfCount = 40;
const tableNames = ['shelves', 'books', 'loans'] as const;
let databases: TestDatabases;
let run: RowsRun;
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(0);
  await createLibrary(databases, shelfCount);
  await legacy('create schema kept');
  for (const name of tableNames) await legacy(`create table kept.${name} as select * from ${name}`);
});
beforeEach(async () => {
  run = await RowsRun.open(databases, `library-${++runs}`, libraryTables);
  return async () => {
    await run.rollBack().finally(() => run.close());
    expect(await there()).toEqual({ shelves: [], books: [], loans: [] });
    await legacy('delete from loans; delete from books; delete from shelves');
    for (const name of tableNames) await legacy(`insert into ${name} select * from kept.${name}`);
  };
});
afterAll(() => databases.drop());

async function legacy(statement: string): Promise<void> {
  await databases.legacy.query(statement);
}

async function cube(statement: string): Promise<void> {
  await databases.cube.query(statement);
}

async function idsOf(side: 'legacy' | 'cube', statement: string): Promise<number[]> {
  const found = await databases[side].query<{ id: string }>(statement);
  return found.rows.map(({ id }) => Number(id));
}

/** What the target holds. */
async function there(): Promise<unknown> {
  return Object.fromEntries(
    await Promise.all(
      tableNames.map(async (name) => [name, await idsOf('cube', `select id from library.${name} order by id`)]),
    ),
  );
}

/** What it should hold: all of legacy but bad rows, and rows below them. */
async function expected(): Promise<unknown> {
  return {
    shelves: await idsOf('legacy', "select id from shelves where name <> 'bad' order by id"),
    books: await idsOf(
      'legacy',
      `select b.id from books b left join shelves s on s.id = shelf_id
        where b.name <> 'bad' and s.name is distinct from 'bad' order by 1`,
    ),
    loans: await idsOf(
      'legacy',
      `select l.id from loans l left join books b on b.id = book_id left join shelves s on s.id = shelf_id
        where l.name <> 'bad' and b.name is distinct from 'bad' and s.name is distinct from 'bad' order by 1`,
    ),
  };
}

async function expectCleanAndEqual(): Promise<void> {
  expect(await run.verify()).toMatchObject({ clean: true, found: [] });
  expect(await there()).toEqual(await expected());
}

const listedTables = [
  { name: 'shelves', isParent: true },
  { name: 'books', isParent: true },
  { name: 'loans', isParent: false },
];

const withContents = { contents: true };

/** The rejects that were not moved, as the API lists them, table by table: id and, of parents, how many rows follow. */
async function rejects(): Promise<readonly string[]> {
  const items = await readRejectPage(databases.cube, run.id, listedTables, withContents, undefined, 1000);
  const unmoved = items.filter(({ resolution }) => resolution !== 'moved');
  return unmoved.map(
    ({ table, id, detail }) => `${table} ${id}${typeof detail === 'string' ? '' : ` ${detail.children}`}`,
  );
}

async function progress() {
  return (await readMigration(databases.cube, run.id))?.progress;
}

/** Of a run that was rolled back already. */
async function reopen(): Promise<void> {
  await databases.cube.query("update ledger.migrations set status = 'running', finished_at = null where id = $1", [
    run.id,
  ]);
}

test('every table is copied, parents before their children, and the verdict is clean over all', async () => {
  expect(await run.copy({ rangeRows: 25 })).toEqual({ migrated: 360, rejected: 0 });
  await expectCleanAndEqual();
  const spans = await databases.cube.query<{ table: string; first: number; last: number }>(
    `select table_name as table, min(id)::int as first, max(id)::int as last from ledger.batches
      where migration_id = $1 group by 1 order by 2`,
    [run.id],
  );
  expect(spans.rows.map(({ table }) => table)).toEqual(tableNames);
  for (const [place, { first }] of spans.rows.entries()) {
    expect(first).toBeGreaterThan(spans.rows[place - 1]?.last ?? 0);
  }
  expect(await progress()).toMatchObject({ total: 360, migrated: 360, rejected: 0, verified: 360 });
});

describe('children of a rejected parent', () => {
  beforeEach(async () => {
    await legacy(`
      update shelves set name = 'bad' where id in (3, 4);
      update books set name = 'bad' where shelf_id in (3, 5);
      update loans set name = 'bad' where id = 9`);
    expect(await run.copy({ rangeRows: 11 })).toEqual({ migrated: 333, rejected: 27 });
  });

  test('are not moved, are no rejects of their own though bad themselves, and count with the reject', async () => {
    await expectCleanAndEqual();
    expect(await rejects()).toEqual(['shelves 3 8', 'shelves 4 8', 'books 4 3', 'books 44 3', 'loans 9']);
    expect(await countRejects(databases.cube, run.id)).toMatchObject({ open: 27, unresolved: 27 });
    expect(await progress()).toMatchObject({ total: 360, migrated: 333, rejected: 27, verified: 333 });
    expect(await readReport(databases.cube, { id: run.id, kind: shelves.kind as MigrationKind })).toMatchObject({
      batches: tableNames.toSorted().map((table) => expect.objectContaining({ table, warned: 0 })),
      withheld: [
        { table: 'books', reject_table: 'shelves', rows: 4 },
        { table: 'loans', reject_table: 'books', rows: 6 },
        { table: 'loans', reject_table: 'shelves', rows: 12 },
      ],
    });
  });

  test('are listed page by page, each behind the last row of the page before', async () => {
    const first = await readRejectPage(databases.cube, run.id, listedTables, withContents, undefined, 3);
    expect(first.at(-1)).toMatchObject({ table: 'books', id: '4', detail: { children: 3, text: 'name' } });
    const second = await readRejectPage(databases.cube, run.id, listedTables, withContents, first.at(-1), 3);
    expect(second.map(({ table, id }) => `${table} ${id}`)).toEqual(['books 44', 'loans 9']);
  });

  test('are moved by a retry of the parent, or become rejects of their own then', async () => {
    await legacy("update shelves set name = 'mended' where id in (3, 4)");
    await run.retryRejects([{ table: 'shelves', id: '4' }]);
    expect(await rejects()).toEqual(['shelves 3 8', 'books 4 3', 'books 44 3', 'loans 9']);
    await run.retryRejects([{ table: 'shelves', id: '3' }]);
    expect(await rejects()).toEqual(['books 2 3', 'books 4 3', 'books 42 3', 'books 44 3', 'loans 9']);
    // Of shelf 3 the two books are bad, and their loans follow them; shelf 4 is of the retry before.
    expect((await readMigration(databases.cube, run.id))?.last_operation?.retried).toMatchObject({
      tried: 1,
      moved: 1,
      children_moved: 0,
      children_rejected: 2,
    });
    await expectCleanAndEqual();
    expect(await progress()).toMatchObject({ migrated: 360 - 17, rejected: 17 });
  });

  test('follow it again after a rollback of the retry that had moved both', async () => {
    const before = await rejects();
    const counted = await countRejects(databases.cube, run.id);
    await legacy(
      "update shelves set name = 'mended' where id in (3, 4); update books set name = 'mended' where id = 44",
    );
    await run.retryRejects();
    expect(await rejects()).not.toEqual(before);
    await run.rollBack();
    const listed = await readRejectPage(databases.cube, run.id, listedTables, withContents, undefined, 1000);
    expect(new Set(listed.map(({ resolution, by }) => `${resolution} ${by}`))).toEqual(new Set(['open null']));
    // Shelf 3 was moved by the retry, and its two bad books became rejects of their own, with their loans.
    expect(await rejects()).toEqual([
      'shelves 3 0',
      'shelves 4 8',
      'books 2 3',
      'books 4 3',
      'books 42 3',
      'books 44 3',
      'loans 9',
    ]);
    expect(await countRejects(databases.cube, run.id)).toMatchObject({ open: counted.open });
    await reopen();
  });

  test('stay with it when it is accepted, and no more count against the limit', async () => {
    const asked = { migrationId: run.id, sequence: 1 };
    expect(await acceptRejects(databases.cube, asked, [{ table: 'books', id: '3' }], 'kim', 'known')).toBe(0);
    expect(await acceptRejects(databases.cube, asked, [{ table: 'shelves', id: '3' }], 'kim', 'known')).toBe(1);
    expect(await countRejects(databases.cube, run.id)).toMatchObject({ open: 18, unresolved: 27 });
    await expectCleanAndEqual();
  });

  test('are found when legacy has deleted or added some, and a repair puts that on record', async () => {
    await legacy(`
      delete from loans where id = 1;
      insert into loans (id, book_id, name) values (9001, 2, 'later');
      insert into books (id, shelf_id, name) values (9000, 4, 'later')`);
    expect(await run.verify()).toMatchObject({
      clean: false,
      mismatched: 3,
      found: ['books 9000 withheld row', 'loans 1 withheld row', 'loans 9001 withheld row'],
    });
    await run.repair();
    await expectCleanAndEqual();
    expect((await readMigration(databases.cube, run.id))?.last_operation).toMatchObject({
      repaired: { children_withheld: 2, children_gone: 1, children_moved: 0, children_rejected: 0 },
      summary: 'Rows repaired: 2 that follow a reject now, 1 that had followed a reject and that legacy no longer has.',
    });
    expect(await rejects()).toEqual(['shelves 3 8', 'shelves 4 9', 'books 4 3', 'books 44 3', 'loans 9']);
  });

  test('that hang on another parent in legacy now are found, and follow that one after a repair', async () => {
    // Out of a rejected shelf, and into one; with their loans.
    await legacy('update books set shelf_id = 11 where id = 3; update books set shelf_id = 4 where id = 10');
    expect(await run.verify()).toMatchObject({ clean: false, found: ['books 3 missing row', 'books 10 extra row'] });
    await run.repair();
    await expectCleanAndEqual();
    // From one rejected shelf to another: the book stays out, and counts with the other.
    await legacy('update books set shelf_id = 3 where id = 10');
    await run.retryRejects();
    await run.verify();
    await run.repair();
    await expectCleanAndEqual();
  });

  test('that are in the target all the same are found, and taken out by a repair', async () => {
    await cube(
      "insert into library.books values (3, 4, 'book 3', now()); insert into library.loans values (2, 3, 'x', now())",
    );
    expect(await run.verify()).toMatchObject({ clean: false, found: ['books 3 extra row', 'loans 2 extra row'] });
    await run.repair();
    await expectCleanAndEqual();
    await databases.cube.query('delete from ledger.set_aside');
  });
});

test.each([
  ['without an index on the children', 'select 1'],
  ['with one', 'create index by_shelf on books (shelf_id); create index by_book on loans (book_id)'],
])(
  'a parent that legacy has spoiled after the copy leaves by one repair, with its children and theirs, %s',
  async (_, make) => {
    await legacy(make);
    await run.copy();
    await legacy("update shelves set name = 'bad' where id = 7");
    expect(await run.verify()).toMatchObject({ clean: false, found: ['shelves 7 name'] });
    await run.repair();
    await expectCleanAndEqual();
    expect(await rejects()).toEqual(['shelves 7 8']);
    expect((await readMigration(databases.cube, run.id))?.last_operation).toMatchObject({
      repaired: { different: 1, rejected: 1, children_withheld: 8, children_moved: 0, extra: 0 },
      summary: 'Rows repaired: 1 different, 8 that follow a reject now. 1 of them cannot be moved and became rejects.',
    });
    await legacy("update shelves set name = 'mended' where id = 7");
    await run.retryRejects();
    await expectCleanAndEqual();
    expect(await rejects()).toEqual([]);
    await legacy('drop index if exists by_shelf; drop index if exists by_book');
  },
);

describe.each(tableNames)('damage in %s', (name) => {
  test('is found, named with its table and repaired: a changed, a missing and an extra row', async () => {
    await run.copy({ rangeRows: 50 });
    await cube(`
      update library.${name} set name = 'damaged' where id = 20;
      delete from library.${name} where id = 21;
      insert into library.${name} (id, name) values (5000, 'nobody''s')`);
    const verdict = await run.verify();
    expect(verdict).toMatchObject({
      clean: false,
      mismatched: 3,
      found: [`${name} 20 name`, `${name} 21 missing row`, `${name} 5000 extra row`],
      disagreement: `The rows of ${name} do not add up: legacy has ${name === 'shelves' ? 40 : name === 'books' ? 80 : 240}, 0 are rejected, the cube has ${name === 'shelves' ? 40 : name === 'books' ? 80 : 240}, of which the ledger knows ${name === 'shelves' ? 39 : name === 'books' ? 79 : 239}, and the ledger owns ${name === 'shelves' ? 40 : name === 'books' ? 80 : 240} ids.`,
    });
    const row = name === 'shelves' ? '20' : `${name}:20`;
    expect(verdict.examples[0]).toEqual({ id: row, field: 'name' });
    const view = await readMigration(databases.cube, run.id);
    expect(view?.verification.mismatches).toContainEqual({ table: name, id: '20', field: 'name' });
    await run.repair();
    await expectCleanAndEqual();
    // The row that no run had put there comes back with the rollback.
    await run.rollBack();
    expect(await idsOf('cube', `select id from library.${name}`)).toEqual([5000]);
    await cube(`delete from library.${name}`);
    await reopen();
  });
});

test('a later run adopts what an earlier one left in every table, and moves again what differs', async () => {
  // What other runs rejected is moved again, too.
  await cube('delete from ledger.rejects; delete from ledger.withheld');
  await legacy("update shelves set name = 'bad' where id = 3; update books set name = 'bad' where id = 20");
  await run.copy({ rangeRows: 50 });
  await databases.cube.query("update ledger.migrations set status = 'cancelled', finished_at = now() where id = $1", [
    run.id,
  ]);
  const before = await databases.cube.query('select max(migrated_at)::text as at from library.loans');
  await legacy(`
    update shelves set name = 'mended' where id = 3;
    update shelves set name = 'bad' where id = 8;
    update loans set name = 'changed' where id = 30`);
  await run.close();
  run = await RowsRun.open(databases, `library-${++runs}`, libraryTables);
  await run.copy({ adopts: true });
  await expectCleanAndEqual();
  expect(await rejects()).toEqual(['shelves 8 8', 'books 20 3']);
  expect(await progress()).toMatchObject({ total: 360, migrated: 360 - 13, rejected: 13 });
  const again = await databases.cube.query<{ id: string }>('select id from library.loans where migrated_at > $1', [
    before.rows[0]?.at,
  ]);
  // Those below the mended shelf, and the changed one.
  expect(again.rowCount).toBe(7);
});

test('a rollback removes children before their parents', async () => {
  await run.copy();
  await cube(`
    alter table library.books add constraint on_shelf foreign key (shelf_id) references library.shelves;
    alter table library.loans add constraint of_book foreign key (book_id) references library.books`);
  try {
    await run.rollBack();
    expect(await there()).toEqual({ shelves: [], books: [], loans: [] });
  } finally {
    await cube('alter table library.books drop constraint on_shelf; alter table library.loans drop constraint of_book');
  }
  await reopen();
});

test('a rollback that dies between two tables goes on with the parents', async () => {
  await run.copy({ rangeRows: 1000 });
  let commits = 0;
  const reach = (point: string) => {
    if (point === 'after-removal-commit' && ++commits === 1) throw new Error('it died');
  };
  await expect(run.rollBack(reach)).rejects.toThrow();
  expect(await there()).toMatchObject({ loans: [], books: { length: 80 }, shelves: { length: 40 } });
  await run.rollBack();
  expect(await there()).toEqual({ shelves: [], books: [], loans: [] });
  await reopen();
});

test('a copy that dies in any of its commits goes on from there, table by table', async () => {
  await legacy("update shelves set name = 'bad' where id = 3");
  for (const point of ['before-chunk-commit', 'after-chunk-commit', 'after-claim']) {
    for (let deaths = 0; deaths < 4; deaths++) {
      let passes = 0;
      const reach = (reached: string) => {
        if (reached === point && ++passes > 2) throw new Error('it died');
      };
      await expect(run.copy({ rangeRows: 9, reach })).rejects.toThrow();
    }
  }
  await run.copy({ rangeRows: 9 });
  await expectCleanAndEqual();
  const sums = await databases.cube.query(
    `select table_name as table, sum(migrated)::int as migrated, sum(rejected)::int as rejected
       from ledger.batches where migration_id = $1 group by 1 order by 2`,
    [run.id],
  );
  expect(sums.rows).toEqual([
    { table: 'shelves', migrated: 39, rejected: 1 },
    { table: 'books', migrated: 78, rejected: 2 },
    { table: 'loans', migrated: 234, rejected: 6 },
  ]);
});

test('a lane waits with a child table for ranges of its parent that another lane still has', async () => {
  const tables = [
    { table: 'shelves', findRangeEnd: async (after: bigint) => (after < 40n ? 40n : undefined) },
    { table: 'books', parent: 'shelves', findRangeEnd: async (after: bigint) => (after < 80n ? 80n : undefined) },
  ];
  const claim = (lane: number) =>
    claimRange(databases.cube, { migrationId: run.id, sequence: 1, lane, worker: 'test' }, tables);
  const finish = 'update ledger.ranges set position = upto, state = $2 where migration_id = $1 and table_name = $3';
  expect(await claim(0)).toMatchObject({ table: 'shelves', upto: 40n });
  // To the end of the key space.
  expect(await claim(1)).toMatchObject({ table: 'shelves', after: 40n });
  expect(await claim(2)).toBe('waiting');
  await releaseRanges(databases.cube, { migrationId: run.id, sequence: 1 });
  expect(await claim(2)).toMatchObject({ table: 'shelves', upto: 40n });
  await databases.cube.query(finish, [run.id, 'done', 'shelves']);
  expect(await claim(2)).toMatchObject({ table: 'books', upto: 80n });
  await databases.cube.query(finish, [run.id, 'done', 'books']);
  expect(await claim(1)).toMatchObject({ table: 'books', after: 80n });
  await databases.cube.query(finish, [run.id, 'done', 'books']);
  expect(await claim(0)).toBeUndefined();
});

test('two lanes copy all tables together', async () => {
  await legacy("update shelves set name = 'bad' where id in (3, 33)");
  const lanes = await Promise.all([0, 1].map((lane) => run.copy({ lane, rangeRows: 5 })));
  const sum = lanes.reduce((total, { migrated, rejected }) => total + migrated + rejected, 0);
  expect(sum).toBe(360);
  await expectCleanAndEqual();
});

test('a verification goes on in the table and the range at which a round of it ended', async () => {
  await run.copy();
  const id = await run.startVerification();
  const outcomes: string[] = [];
  while (outcomes.at(-1) !== 'finished') {
    outcomes.push(await run.goOnVerifying(id, { rangeRows: 25, roundMillis: 0 }));
  }
  expect(outcomes.length).toBeGreaterThan(6);
  expect(await run.conclude(id)).toMatchObject({ clean: true, compared: 360 });
});

test('a verdict is not clean while a table was not compared to its end', async () => {
  await run.copy();
  const id = await run.startVerification();
  await run.goOnVerifying(id, { rangeRows: 100 });
  await databases.cube.query("update ledger.verified_tables set frontier = 100 where table_name = 'loans'");
  expect(await run.conclude(id)).toMatchObject({ clean: false });
});

describe('preflight', () => {
  const look = { signal: new AbortController().signal, onRange: () => undefined };

  test('looks at every table, and estimates the rows of all', async () => {
    for (const name of tableNames) await legacy(`vacuum analyze ${name}`);
    expect(await preflightTables(run.databases, libraryTables, run.id, look)).toEqual({ rows: 360, unmapped: [] });
    await legacy('alter table loans add column note text');
    try {
      await expect(preflightTables(run.databases, libraryTables, run.id, look)).rejects.toMatchObject({
        type: 'legacy_schema_mismatch',
        message: expect.stringContaining('public.loans'),
      });
    } finally {
      await legacy('alter table loans drop column note');
    }
  });

  test('refuses a parent column that is no integer, and foreign rows of a child table', async () => {
    await legacy('alter table loans alter book_id type text using book_id::text');
    await expect(preflightTables(run.databases, libraryTables, run.id, look)).rejects.toMatchObject({
      type: 'legacy_schema_mismatch',
      message: expect.stringContaining('column book_id is text, not bigint or integer'),
    });
    await legacy('alter table loans alter book_id type int using book_id::int');
    await cube("insert into library.books values (1, 1, 'stray', now())");
    await expect(preflightTables(run.databases, libraryTables, run.id, look)).rejects.toMatchObject({
      type: 'target_occupied',
      message: expect.stringContaining('library.books'),
    });
    await cube('delete from library.books');
  });

  test('refuses a foreign key between the tables of the target, which a repair of a parent could not keep', async () => {
    await cube('alter table library.books add constraint on_shelf foreign key (shelf_id) references library.shelves');
    try {
      await expect(preflightTables(run.databases, libraryTables, run.id, look)).rejects.toMatchObject({
        type: 'cube_schema_mismatch',
        message: expect.stringContaining('on_shelf'),
        hint: expect.stringContaining('alter table library.books drop constraint'),
      });
    } finally {
      await cube('alter table library.books drop constraint on_shelf');
    }
  });

  test('notes that a large child table has no index on the column of its parent', async () => {
    const notices = async () => {
      const found = await databases.cube.query("select detail from ledger.events where what = 'index_missing'");
      return found.rows.map(({ detail }) => detail.table);
    };
    await legacy('insert into loans select n + 10000, 1, null from generate_series(1, 100000) as n; analyze loans');
    await preflightTables(run.databases, libraryTables, run.id, look);
    await preflightTables(run.databases, libraryTables, run.id, look);
    expect(await notices()).toEqual(['loans']);
    await legacy('delete from loans where id > 10000');
    await legacy('vacuum analyze loans');
  });

  test('tables that are listed before their parents are a defect of the program', () => {
    expect(() => createRowsKind([books, shelves])).toThrow('The kind library lists books before its parent shelves.');
  });

  test('tables other than those of the catalogue are a defect of the program', () => {
    const all = 'shelves, books (child of shelves), loans (child of books)';
    expect(() => createRowsKind([shelves, books])).toThrow(
      `The kind library has mappings of shelves, books (child of shelves), and in the catalogue ${all}.`,
    );
    expect(() =>
      createRowsKind([shelves, books, { ...loans, parent: { table: 'shelves', column: 'book_id' } }]),
    ).toThrow(
      `The kind library has mappings of shelves, books (child of shelves), loans (child of shelves), and in the catalogue ${all}.`,
    );
    expect(createRowsKind(libraryTables)).toBeDefined();
  });
});

test('more rejected parents than are kept in memory are looked up in the ledger', async () => {
  await legacy(`
    insert into shelves (id, name) select n, 'bad' from generate_series(1001, 11100) as n;
    insert into books (id, shelf_id, name) select n, n, 'book' from generate_series(1001, 11100) as n;
    insert into loans (id, book_id, name) select n, n, 'loan' from generate_series(1001, 1020) as n`);
  expect(await run.copy({ rangeRows: 5000 })).toEqual({ migrated: 360, rejected: 20_220 });
  await expectCleanAndEqual();
  await cube("insert into library.books values (1001, 1001, 'book', now())");
  expect(await run.verify()).toMatchObject({ clean: false, found: ['books 1001 extra row'] });
  await run.repair();
  await expectCleanAndEqual();
  await cube('delete from ledger.set_aside');
});
