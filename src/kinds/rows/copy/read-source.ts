import type pg from 'pg';
import { Failure, toFailure } from '../../../base/failures.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { type CopyRow, CopyRowSplitter } from '../../../postgres/copy-binary.js';
import { CopyOut } from '../../../postgres/copy-out.js';
import { postgresFailure } from '../../../postgres/errors.js';
import { integerReader } from '../left-out-parents.js';
import type { RowMapping } from '../row-mapping.js';

/** Which source rows: ids in (after, upto], or a list of ids. */
export type SourceSelection =
  | { readonly kind: 'span'; readonly after: bigint; readonly upto: bigint; readonly limit?: number }
  | { readonly kind: 'ids'; readonly ids: readonly bigint[] };

/** As `readConverted`, rows as they are. */
export async function* readSource(
  legacy: pg.Client,
  mapping: RowMapping,
  selection: SourceSelection,
): AsyncGenerator<readonly CopyRow[]> {
  const stream = legacy.query(new CopyOut(copyOutStatement(mapping, selection)));
  const splitter = new CopyRowSplitter();
  const idOf = integerReader(mapping, mapping.source.key);
  let last: bigint | null | undefined;
  try {
    for await (const chunk of stream) {
      const rows = splitter.push(chunk);
      for (const row of rows) {
        const id = idOf(row);
        if (id !== null && id === last) throw repeatedId(mapping, id);
        last = id;
      }
      if (rows.length > 0) yield rows;
    }
    // Taken for the end of the rows, it would leave the rest of the range behind in silence.
    if (!splitter.ended) throw new Failure('unexpected', 'The legacy database broke off in the middle of a read.');
  } catch (error) {
    throw toFailure(error, postgresFailure('legacy'));
  }
}

function repeatedId({ source }: RowMapping, id: bigint): Failure {
  return new Failure(
    'legacy_schema_mismatch',
    `The table ${source.schema}.${source.table} of the legacy database has more than one row with the ${source.key} ${id}.`,
    { hint: `Give all but one of them another ${source.key}, or delete them; then go on with \`resume\`.` },
  );
}

/** COPY takes no parameters: ids are bigints and enter as digits, names are quoted. Typed, as the least bigint is none without. */
function copyOutStatement(mapping: RowMapping, selection: SourceSelection): string {
  const { source } = mapping;
  const key = quoteIdentifier('row', source.key);
  // A column of a narrower type arrives as the one that a converter reads; keys are named so that their index still serves.
  const columns = source.columns.map(({ name, types }) => `${quoteIdentifier(name)}::${types[0]}`).join(', ');
  const where =
    selection.kind === 'span'
      ? `${key} > '${selection.after}'::bigint and ${key} <= '${selection.upto}'::bigint`
      : `${key} = any (array[${selection.ids.join(',')}]::bigint[])`;
  const limit = selection.kind === 'span' && selection.limit !== undefined ? ` limit ${selection.limit}` : '';
  return `copy (select ${columns} from ${quoteIdentifier(source.schema, source.table)} as row where ${where} order by ${key}${limit}) to stdout (format binary)`;
}
