import { type SpanAsOf, sourceEnd } from '../../../domain/migration/range-comparison.js';
import { atSide, type Databases } from '../../../postgres/databases.js';
import { unresolvedRejectIds } from '../../../postgres/ledger/rejects.js';
import { withheldIds } from '../../../postgres/ledger/withheld.js';
import type { LeftOutParents } from '../left-out-parents.js';
import type { RowMapping } from '../row-mapping.js';

/** Rows of a span that the source may have and the target must not. */
export interface LeftOut {
  /** All of them: rejects, and rows that follow one. */
  readonly ids: readonly bigint[];
  readonly rejected: readonly bigint[];
  /** Rows of the source that follow a reject, as their parents say it now, without rejects of their own. */
  readonly following: readonly bigint[];
  /** Ids that the ledger has as following one. */
  readonly withheld: readonly bigint[];
}

/** `parents` is left out for a table that has none. */
export async function rowsLeftOut(
  { legacy, cube }: Databases,
  migrationId: string,
  mapping: RowMapping,
  span: SpanAsOf,
  parents: LeftOutParents | undefined,
): Promise<LeftOut> {
  const { table } = mapping;
  const rejected = await atSide('cube', () => unresolvedRejectIds(cube, migrationId, table, span.after, span.upto));
  if (parents === undefined) return { ids: rejected, rejected, following: [], withheld: [] };
  const withheld = await atSide('cube', () => withheldIds(cube, migrationId, table, span.after, span.upto));
  const children = await parents.childrenIn(legacy, mapping, { after: span.after, upto: sourceEnd(span) });
  const isRejected = new Set(rejected);
  const following = children.filter((id) => !isRejected.has(id));
  return { ids: [...rejected, ...following], rejected, following, withheld };
}

/** Those of `ids` that are not among `others`. */
export function without(ids: readonly bigint[], others: readonly bigint[]): bigint[] {
  const known = new Set(others);
  return ids.filter((id) => !known.has(id));
}
