import type { MovedTable, TableRule } from '../../domain/migration/table-rule.js';
import type { CopyRow } from '../../postgres/copy-binary.js';
import type { RejectRef } from '../../postgres/ledger/withheld.js';
import type { FetchedContent, RowContents } from '../contents/row-contents.js';

/** What the copy and the verification need to know about the rows of one table; one implementation a table. */

/** What became of one source row. */
export type ConvertedRow =
  | {
      readonly kind: 'row';
      readonly id: bigint;
      /** The row for a binary COPY of `targetColumns` and `movedAtColumn`. */
      readonly bytes: Buffer;
      /** What the converter was given, for a payload should the target refuse the row. */
      readonly source: CopyRow;
      /** The row is carried, and something about it deserves attention. */
      readonly warned: boolean;
    }
  | {
      readonly kind: 'reject';
      readonly id: bigint;
      readonly reason: string;
      readonly detail: string;
      readonly payload: string;
    };

/** A source row that is not moved because its parent is not. */
export interface WithheldRow {
  readonly kind: 'withheld';
  readonly id: bigint;
  readonly parentId: bigint;
  /** The reject that it follows. */
  readonly reject: RejectRef;
}

/**
 * One field as both databases say it: SQL over the source's row and over the target's that must agree. Written for the
 * databases and apart from `converter`, so that one can judge the other.
 */
export interface ComparedField {
  readonly name: string;
  readonly source: string;
  readonly target: string;
}

/** As `ComparedField`; `type` says how the digest frames it. */
export interface DigestedField extends ComparedField {
  readonly type: 'text' | 'timestamp';
  /** Legacy has no such field: it says what the verification found of the cube alone, which a pass leaves to a repair. */
  readonly ofCubeAlone?: true;
}

export interface RowMapping extends MovedTable {
  /** The table whose rows these are children of, and the column of the source that holds the parent's id. */
  readonly parent?: { readonly table: string; readonly column: string };
  readonly source: TableRule;
  /** Target columns in the order of a converted row. */
  readonly targetColumns: readonly string[];
  /** A target column that takes the time of the move; never compared. */
  readonly movedAtColumn: string;
  /**
   * What converts the rows of one stream, given the fields of `source.columns` in that order. Never throws for any value
   * the columns' types allow. Each stream makes its own converter: the rows it returns lie one after the other in its memory, and
   * stay valid. `movedAt` is the last field of every row, as COPY frames it. Of a table with contents it is given the row's.
   */
  converter(movedAt: Buffer): (row: CopyRow, content?: FetchedContent) => ConvertedRow;
  /** Of a table whose rows name files: what brings their contents into the store before the rows commit. */
  readonly contents?: RowContents;
  /** The source row as JSON text, for a reject that the target itself refused. */
  payload(row: CopyRow): string;
  /** Every field, for saying which one differs. */
  readonly comparedFields: readonly ComparedField[];
  /** The fields that a row's digest covers: all of them, as few expressions as the databases can evaluate. */
  readonly digestedFields: readonly DigestedField[];
}

/** The tables of a kind: the main one first, parents before their children. */
export type RowTables = readonly [RowMapping, ...RowMapping[]];

/** The mapping without what only the cube says of a row, which is no change of legacy's. */
export function fieldsOfLegacy(mapping: RowMapping): RowMapping {
  return { ...mapping, digestedFields: mapping.digestedFields.filter(({ ofCubeAlone }) => ofCubeAlone !== true) };
}

/** The compared fields of a mapping whose digest covers each of them by itself: as text, for saying how they differ. */
export function comparedAsText(fields: readonly DigestedField[]): readonly ComparedField[] {
  return fields.map((field) =>
    field.type === 'timestamp'
      ? { name: field.name, source: `${field.source}::text`, target: `${field.target}::text` }
      : field,
  );
}
