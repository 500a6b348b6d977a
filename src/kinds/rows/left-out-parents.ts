import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { minKey } from '../../domain/migration/key-range.js';
import type { Span } from '../../domain/migration/range-comparison.js';
import { quoteIdentifier } from '../../postgres/connect.js';
import type { CopyRow } from '../../postgres/copy-binary.js';
import { atSide, type Databases } from '../../postgres/databases.js';
import { type LeftOutRow, leftOutAmong, leftOutRows, type RejectRef } from '../../postgres/ledger/withheld.js';
import type { RowMapping } from './row-mapping.js';

/** The rejects that keep parents out of the target, by the parents' ids. */
export type RejectByParent = ReadonlyMap<bigint, RejectRef>;

/** So many are kept in memory; where there are more, the ledger is queried for those of a few hundred rows at a time. */
const maxKept = 10_000;

/**
 * Which parents of a child table's rows are not in the target: their children are not moved either. One read of the ledger
 * serves a whole range, since a child table's ranges begin when all of its parent table was moved or rejected.
 */
export class LeftOutParents {
  private constructor(
    private readonly cube: pg.Pool,
    private readonly migrationId: string,
    private readonly parentTable: string,
    /** All of them; undefined where they are too many. */
    private readonly all: RejectByParent | undefined,
  ) {}

  /** Reads the ledger; undefined for a table that has no parent. */
  static async load(
    { cube }: Pick<Databases, 'cube'>,
    migrationId: string,
    { parent }: RowMapping,
  ): Promise<LeftOutParents | undefined> {
    if (parent === undefined) return undefined;
    const found = await atSide('cube', () => leftOutRows(cube, migrationId, parent.table, minKey, maxKept + 1));
    return new LeftOutParents(cube, migrationId, parent.table, found.length > maxKept ? undefined : byId(found));
  }

  /** Whether it is certain that no parent is left out. */
  get isEmpty(): boolean {
    return this.all?.size === 0;
  }

  /** The left out ones among some parents, and maybe others. */
  async among(parents: () => Iterable<bigint>): Promise<RejectByParent> {
    if (this.all !== undefined) return this.all;
    const ids = [...new Set(parents())];
    return byId(await atSide('cube', () => leftOutAmong(this.cube, this.migrationId, this.parentTable, ids)));
  }

  /** Ids of the source's rows in a span that must not be in the target since their parents are not, ascending. */
  async childrenIn(legacy: pg.Pool, mapping: RowMapping, span: Span): Promise<bigint[]> {
    const parents = this.all ?? (await this.amongParentsIn(legacy, mapping, span));
    if (parents.size === 0) return [];
    return childrenOf(legacy, mapping, [...parents.keys()], span);
  }

  private async amongParentsIn(legacy: pg.Pool, mapping: RowMapping, span: Span): Promise<RejectByParent> {
    const { schema, table, key } = mapping.source;
    const parent = quoteIdentifier(parentColumn(mapping));
    const found = await atSide('legacy', () =>
      legacy.query<{ parent: string }>(
        `select distinct ${parent}::bigint as parent from ${quoteIdentifier(schema, table)}
          where ${quoteIdentifier(key)} > $1::bigint and ${quoteIdentifier(key)} <= $2::bigint and ${parent} is not null`,
        [span.after.toString(), span.upto.toString()],
      ),
    );
    return this.among(() => found.rows.map((row) => BigInt(row.parent)));
  }
}

function byId(rows: readonly LeftOutRow[]): RejectByParent {
  return new Map(rows.map(({ id, reject }) => [id, reject]));
}

/** Ids of a child table's source rows in a span that have one of these parents: the first `max` of them, ascending. */
export async function childrenOf(
  legacy: pg.Pool,
  mapping: RowMapping,
  parents: readonly bigint[],
  span: Span,
  max: number | null = null,
): Promise<bigint[]> {
  const { schema, table } = mapping.source;
  const key = quoteIdentifier(mapping.source.key);
  const found = await atSide('legacy', () =>
    legacy.query<{ id: string }>(
      `select ${key}::bigint as id from ${quoteIdentifier(schema, table)}
        where ${quoteIdentifier(parentColumn(mapping))} = any ($1::bigint[])
          and ${key} > $2::bigint and ${key} <= $3::bigint
        order by ${key} limit $4`,
      [parents.map(String), span.after.toString(), span.upto.toString(), max],
    ),
  );
  return found.rows.map((row) => BigInt(row.id));
}

function parentColumn({ table, parent }: RowMapping): string {
  if (parent === undefined) throw new Failure('unexpected', `The table ${table} has no parent.`);
  return parent.column;
}

/** Reads the parent's id from a source row; null where it is NULL. */
export function parentReader(mapping: RowMapping): (row: CopyRow) => bigint | null {
  return integerReader(mapping, parentColumn(mapping));
}

/** Reads an integer column of a source row as the copy is sent it: as the first of its types. */
export function integerReader({ table, source }: RowMapping, name: string): (row: CopyRow) => bigint | null {
  const place = source.columns.findIndex((column) => column.name === name);
  switch (source.columns[place]?.types[0]) {
    case 'bigint':
      return (row) => (row.isNull(place) ? null : row.int64(place));
    case 'integer':
      return (row) => {
        const id = row.int32(place);
        return id === null ? null : BigInt(id);
      };
    default:
      throw new Failure('unexpected', `The mapping of ${table} does not read the column ${name} as an integer.`);
  }
}
