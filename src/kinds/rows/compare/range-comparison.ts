import { type RangeComparison, type SpanAsOf, sourceEnd } from '../../../domain/migration/range-comparison.js';
import type { Databases } from '../../../postgres/databases.js';
import { atSide } from '../../../postgres/databases.js';
import type { RowMapping } from '../row-mapping.js';
import { rangeDigest, rowDigests, type TableSide } from './row-digest.js';

/**
 * Reads a span on both sides at the same time and compares counts and digests; an id that is twice on a side is never
 * equal to anything. `rejected` are ids that the source has
 * and the target must not have: they are left out of the source's digest only. Of the target no more than
 * `maxTargetRows` are read (null: all).
 */
export async function compareRange(
  databases: Databases,
  mapping: RowMapping,
  span: SpanAsOf,
  rejected: readonly bigint[],
  maxTargetRows: number | null = null,
): Promise<RangeComparison> {
  const [source, target] = await Promise.all([
    digestOf(databases, mapping, 'source', span, rejected, null),
    digestOf(databases, mapping, 'target', span, [], maxTargetRows),
  ]);
  return {
    sourceRows: source.rows,
    targetRows: target.rows,
    sourceDigest: source.digest,
    targetDigest: target.digest,
    equal:
      source.rows === target.rows &&
      source.digest === target.digest &&
      source.ids === source.rows &&
      target.ids === target.rows,
  };
}

/** The source's rows of a span without those in `leftOut`: their number, and the digest over all fields of them. */
export async function sourceDigest(
  databases: Databases,
  mapping: RowMapping,
  span: SpanAsOf,
  leftOut: readonly bigint[],
): Promise<{ readonly rows: number; readonly digest: string }> {
  const { rows, digest } = await digestOf(databases, mapping, 'source', span, leftOut, null);
  return { rows, digest };
}

/** How a row differs between the sides; `repeated`: a side has the id more than once. */
export interface RowDifference {
  readonly id: bigint;
  readonly kind: 'missing' | 'extra' | 'changed' | 'repeated';
}

/** The rows of a span that differ, in id order. Holds one digest a row of the span in memory. */
export async function differingRows(
  databases: Databases,
  mapping: RowMapping,
  span: SpanAsOf,
  rejected: readonly bigint[],
): Promise<RowDifference[]> {
  const [source, target] = await Promise.all([
    rowDigestsOf(databases, mapping, 'source', span, rejected),
    rowDigestsOf(databases, mapping, 'target', span, []),
  ]);
  const repeated = new Set([...source.repeated, ...target.repeated]);
  const differences = [...repeated].map((id): RowDifference => ({ id: BigInt(id), kind: 'repeated' }));
  for (const [id, digest] of source.digests) {
    if (repeated.has(id)) continue;
    const other = target.digests.get(id);
    if (other === undefined) differences.push({ id: BigInt(id), kind: 'missing' });
    else if (other !== digest) differences.push({ id: BigInt(id), kind: 'changed' });
  }
  for (const id of target.digests.keys()) {
    if (!source.digests.has(id) && !repeated.has(id)) differences.push({ id: BigInt(id), kind: 'extra' });
  }
  return differences.sort((a, b) => (a.id < b.id ? -1 : 1));
}

const sides = { source: 'legacy', target: 'cube' } as const;

async function digestOf(
  databases: Databases,
  mapping: RowMapping,
  side: TableSide,
  span: SpanAsOf,
  without: readonly bigint[],
  max: number | null,
) {
  const statement = rangeDigest(mapping[side], mapping.digestedFields, side);
  const result = await atSide(sides[side], () =>
    databases[sides[side]].query<{ rows: string; ids: string; digest: string }>(
      statement,
      parameters(side, span, without, max),
    ),
  );
  const [row] = result.rows;
  return { rows: Number(row?.rows ?? 0), ids: Number(row?.ids ?? 0), digest: row?.digest ?? '' };
}

async function rowDigestsOf(
  databases: Databases,
  mapping: RowMapping,
  side: TableSide,
  span: SpanAsOf,
  without: readonly bigint[],
) {
  const statement = rowDigests(mapping[side], mapping.digestedFields, side);
  const result = await atSide(sides[side], () =>
    databases[sides[side]].query<{ key: string; digest: Buffer }>(statement, parameters(side, span, without, null)),
  );
  const digests = new Map<string, string>();
  const repeated = new Set<string>();
  for (const { key, digest } of result.rows) {
    if (digests.has(key)) repeated.add(key);
    digests.set(key, digest.toString('latin1'));
  }
  return { digests, repeated };
}

function parameters(side: TableSide, span: SpanAsOf, without: readonly bigint[], max: number | null): unknown[] {
  const upto = side === 'source' ? sourceEnd(span) : span.upto;
  return [span.after.toString(), upto.toString(), without.map(String), max];
}
