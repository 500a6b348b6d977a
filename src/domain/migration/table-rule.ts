/** What the engine relies on of a table that it reads or writes. */

export interface ColumnRule {
  readonly name: string;
  /** Types, as format_type names them, that the mapping reads or writes without loss; the first is what a converter gets. */
  readonly types: readonly string[];
  /** What the contract reads a NULL as, in SQL: both are one value to the comparison. Left out, NULL is like nothing else. */
  readonly nullIs?: string;
}

/** A table of a kind, as the ledger names it. */
export interface KindTable {
  readonly kind: string;
  /** Its name in legacy. */
  readonly table: string;
}

export interface TableRule {
  readonly schema: string;
  readonly table: string;
  /** A bigint or integer column that identifies rows on both sides. */
  readonly key: string;
  readonly columns: readonly ColumnRule[];
}

/** A table of a kind, and the table of the cube database that takes its rows. */
export interface MovedTable extends KindTable {
  readonly target: TableRule;
}
