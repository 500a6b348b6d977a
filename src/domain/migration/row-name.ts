import { kindEntry, type MigrationKind } from '../catalog.js';

/** A row of a kind, by its table's name in legacy and its id. */
export interface RowRef {
  readonly table: string;
  readonly id: string;
}

/** Reads how people name a row: `5` is of the kind's main table, `other_table:5` of that one. */
export function parseRowName(name: string, mainTable: string): RowRef {
  const colon = name.indexOf(':');
  return colon === -1 ? { table: mainTable, id: name } : { table: name.slice(0, colon), id: name.slice(colon + 1) };
}

/** The name that `parseRowName` reads. */
export function rowName({ table, id }: RowRef, mainTable: string): string {
  return table === mainTable ? id : `${table}:${id}`;
}

/** The table of a kind whose rows are named by their id alone. */
export function mainTableOf(kind: MigrationKind): string {
  const [main] = kindEntry(kind).tables;
  return main?.name ?? '';
}
