import { quoteIdentifier } from './connect.js';
import { atSide, type Databases } from './databases.js';
import type { RowMapping } from './row-mapping.js';

/** Those of the rejected ids that the source no longer has: moved and rejected rows would not add up to the source. */
export async function missingRejects(
  databases: Databases,
  mapping: RowMapping,
  rejected: readonly bigint[],
): Promise<bigint[]> {
  if (rejected.length === 0) return [];
  const { source } = mapping;
  const found = await atSide('legacy', () =>
    databases.legacy.query<{ id: string }>(
      `select wanted.id from unnest($1::bigint[]) as wanted (id)
        where not exists (select 1 from ${quoteIdentifier(source.schema, source.table)} as row where row.${quoteIdentifier(source.key)} = wanted.id)`,
      [rejected.map(String)],
    ),
  );
  return found.rows.map((row) => BigInt(row.id));
}
