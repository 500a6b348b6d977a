import type { Side } from '../../domain/side.js';
import { quoteIdentifier } from '../../postgres/connect.js';
import { atSide, type Databases } from '../../postgres/databases.js';
import type { FindRangeEnd } from '../../postgres/ledger/ranges.js';
import type { RowMapping } from './row-mapping.js';

/**
 * Cuts one side's key space by walking the key's index, `rows` entries at a time: holes and skew make no range larger,
 * and nothing is counted beforehand.
 */
export function rangeEnds(databases: Databases, mapping: RowMapping, side: Side, rows: number): FindRangeEnd {
  const table = side === 'legacy' ? mapping.source : mapping.target;
  const key = quoteIdentifier(table.key);
  const statement = `select max(${key})::text as upto
    from (select ${key} from ${quoteIdentifier(table.schema, table.table)} where ${key} > $1::bigint order by ${key} limit $2) as span`;
  return async (after) => {
    const found = await atSide(side, () =>
      databases[side].query<{ upto: string | null }>(statement, [after.toString(), rows]),
    );
    const upto = found.rows[0]?.upto;
    return upto === null || upto === undefined ? undefined : BigInt(upto);
  };
}

/**
 * The nearer end of the two sides, for callers that read both: where one side lost what the other still has, a range holds
 * no more than `rows` of either.
 */
export function nearerRangeEnds(databases: Databases, mapping: RowMapping, rows: number): FindRangeEnd {
  const ends = (['legacy', 'cube'] as const).map((side) => rangeEnds(databases, mapping, side, rows));
  return async (after) => {
    const found = await Promise.all(ends.map((endOf) => endOf(after)));
    return found.reduce((nearer, end) => (nearer === undefined || (end !== undefined && end < nearer) ? end : nearer));
  };
}
