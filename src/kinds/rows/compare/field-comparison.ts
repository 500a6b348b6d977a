import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide, type Databases } from '../../../postgres/databases.js';
import type { MismatchEntry } from '../../../postgres/ledger/verifications.js';
import type { RowMapping } from '../row-mapping.js';
import type { RowDifference } from './range-comparison.js';

export interface FieldComparison {
  readonly mismatches: readonly MismatchEntry[];
  /** Rows in which this second comparison finds nothing. */
  readonly unfound: number;
}

const rowsAtOnce = 100;

/** Reads differing rows again, on both sides, and says which fields differ and how. */
export async function fieldMismatches(
  databases: Databases,
  mapping: RowMapping,
  differences: readonly RowDifference[],
): Promise<FieldComparison> {
  const mismatches: MismatchEntry[] = [];
  let unfound = 0;
  for (let start = 0; start < differences.length; start += rowsAtOnce) {
    const ids = differences.slice(start, start + rowsAtOnce).map((difference) => difference.id);
    const [source, target] = await Promise.all([
      fieldsOf(databases, mapping, 'source', ids),
      fieldsOf(databases, mapping, 'target', ids),
    ]);
    for (const id of ids) {
      const found = compareFields(mapping, id, source.get(id.toString()), target.get(id.toString()));
      if (found.length === 0) unfound++;
      mismatches.push(...found);
    }
  }
  return { mismatches, unfound };
}

type FieldTexts = readonly (string | null)[];

function compareFields(
  mapping: RowMapping,
  sourceId: bigint,
  source: FieldTexts | undefined,
  target: FieldTexts | undefined,
): MismatchEntry[] {
  if (source === undefined && target === undefined) return [];
  if (target === undefined) return [{ sourceId, field: 'missing row', sourceValue: null, targetValue: null }];
  if (source === undefined) return [{ sourceId, field: 'extra row', sourceValue: null, targetValue: null }];
  const found = mapping.comparedFields.flatMap((field, place) => {
    const [sourceValue, targetValue] = [source[place] ?? null, target[place] ?? null];
    return sourceValue === targetValue ? [] : [{ sourceId, field: field.name, sourceValue, targetValue }];
  });
  // A part that differs (birth_info.day) makes its whole (birth_info) differ too; one of them is enough to name.
  return found.filter((entry) => !found.some((other) => other.field.startsWith(`${entry.field}.`)));
}

async function fieldsOf(
  databases: Databases,
  mapping: RowMapping,
  side: 'source' | 'target',
  ids: readonly bigint[],
): Promise<Map<string, FieldTexts>> {
  const table = mapping[side];
  const key = quoteIdentifier(table.key);
  const expressions = mapping.comparedFields.map((field) => field[side]);
  const statement = `select array[${key}::text, ${expressions.join(', ')}] as fields
    from ${quoteIdentifier(table.schema, table.table)} where ${key} = any ($1::bigint[])`;
  const database = side === 'source' ? 'legacy' : 'cube';
  const result = await atSide(database, () =>
    databases[database].query<{ fields: (string | null)[] }>(statement, [ids.map(String)]),
  );
  return new Map(result.rows.map((row) => [row.fields[0] ?? '', row.fields.slice(1)]));
}
