import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide, type Databases } from '../../../postgres/databases.js';
import type { RowMapping } from '../row-mapping.js';

export interface RecheckedRejects {
  /** The source has them no more: moved and rejected rows would not add up to the source. */
  readonly missing: readonly bigint[];
  /** The source has more than one row of the id. */
  readonly repeated: readonly bigint[];
}

/** Those of the rejected ids that are not exactly one row of the source. */
export async function recheckRejects(
  databases: Databases,
  mapping: RowMapping,
  rejected: readonly bigint[],
): Promise<RecheckedRejects> {
  if (rejected.length === 0) return { missing: [], repeated: [] };
  const { source } = mapping;
  const key = quoteIdentifier('row', source.key);
  const found = await atSide('legacy', () =>
    databases.legacy.query<{ id: string; rows: string }>(
      `select wanted.id, count(${key}) as rows
         from unnest($1::bigint[]) as wanted (id)
         left join ${quoteIdentifier(source.schema, source.table)} as row on ${key} = wanted.id
        group by wanted.id having count(${key}) <> 1 order by wanted.id`,
      [rejected.map(String)],
    ),
  );
  const idsOf = (isWanted: (rows: number) => boolean) =>
    found.rows.filter((row) => isWanted(Number(row.rows))).map((row) => BigInt(row.id));
  return { missing: idsOf((rows) => rows === 0), repeated: idsOf((rows) => rows > 1) };
}
