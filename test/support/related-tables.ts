import type pg from 'pg';
import { catalog, type KindEntry, type MigrationKind } from '../../src/domain/catalog.js';
import type { ConvertedRow, RowMapping, RowTables } from '../../src/kinds/rows/row-mapping.js';
import { type CopyRow, CopyRowWriter } from '../../src/postgres/copy-binary.js';

/**
 * A kind of three related tables, which the engine does not have: shelves, their books, and the loans of these. A row is
 * rejected while its name is `bad`.
 */
const library = 'library' as MigrationKind;
const entry: KindEntry = {
  cube: 'paperwork-cube',
  plan: 'rows',
  tables: [{ name: 'shelves' }, { name: 'books', parent: 'shelves' }, { name: 'loans', parent: 'books' }],
  rejectReasons: {
    name_bad: 'Change the name in legacy, then retry.',
    refused_by_target: 'Look at the detail, then retry.',
  },
  rejectLimitPercent: 2,
  defaults: {},
};
Object.assign(catalog, { [library]: entry });

const timestamp = ['timestamp with time zone'];

function libraryTable(table: string, parent?: { readonly table: string; readonly column: string }): RowMapping {
  const parentColumns = parent === undefined ? [] : [{ name: parent.column, types: ['bigint', 'integer'] }];
  const columns = [{ name: 'id', types: ['bigint', 'integer'] }, ...parentColumns, { name: 'name', types: ['text'] }];
  const compared = columns.slice(1).map(({ name }) => ({ name, source: `${name}::text`, target: `${name}::text` }));
  const namePlace = columns.length - 1;
  return {
    kind: library,
    table,
    ...(parent === undefined ? {} : { parent }),
    source: { schema: 'public', table, key: 'id', columns },
    target: {
      schema: 'library',
      table,
      key: 'id',
      columns: [...columns, { name: 'migrated_at', types: timestamp }],
    },
    targetColumns: columns.map(({ name }) => name),
    movedAtColumn: 'migrated_at',
    converter: (movedAt) => {
      const writer = new CopyRowWriter();
      return (row): ConvertedRow => {
        const id = row.int64(0);
        if (row.text(namePlace) === 'bad') {
          return { kind: 'reject', id, reason: 'name_bad', detail: 'name', payload: payload(row) };
        }
        writer.begin(columns.length + 1);
        writer.carry(row, 0, namePlace);
        writer.field(movedAt);
        return { kind: 'row', id, bytes: writer.finish(), source: row, warned: false };
      };
    },
    payload,
    comparedFields: compared,
    digestedFields: compared.map((field) => ({ ...field, type: 'text' as const })),
  };

  function payload(row: CopyRow): string {
    return JSON.stringify({ id: row.int64(0).toString(), name: row.text(namePlace) });
  }
}

export const shelves = libraryTable('shelves');
export const books = libraryTable('books', { table: 'shelves', column: 'shelf_id' });
export const loans = libraryTable('loans', { table: 'books', column: 'book_id' });
/** Parents before their children. */
export const libraryTables: RowTables = [shelves, books, loans];

/** Makes the tables on both sides; in legacy so many shelves, with two books each, and three loans of each book. */
export async function createLibrary(
  { legacy, cube }: { readonly legacy: pg.Pool; readonly cube: pg.Pool },
  count: number,
): Promise<void> {
  await legacy.query(`
    create table shelves (id bigserial primary key, name text);
    create table books (id serial primary key, shelf_id bigint references shelves, name text);
    create table loans (id bigserial primary key, book_id int, name text);
    insert into shelves (name) select 'shelf ' || n from generate_series(1, ${count}) as n;
    insert into books (shelf_id, name) select 1 + n % ${count}, 'book ' || n from generate_series(1, ${count} * 2) as n;
    insert into loans (book_id, name) select 1 + n % (${count} * 2), 'loan ' || n from generate_series(1, ${count} * 6) as n;
    analyze shelves; analyze books; analyze loans`);
  await cube.query(`
    create schema library;
    create table library.shelves (id bigint primary key, name text, migrated_at timestamptz);
    create table library.books (id bigint primary key, shelf_id bigint, name text, migrated_at timestamptz);
    create table library.loans (id bigint primary key, book_id bigint, name text, migrated_at timestamptz)`);
}
