import type { MigrationKind } from '../domain/catalog.js';
import { type ReferringColumn, referringColumns } from '../domain/contents.js';
import { quoteIdentifier } from '../postgres/connect.js';

/** SQL of every reference of a kind's tables to a content, one a row, with a column `sha256`. */
export function referencesOf(kind: MigrationKind): string {
  return referringColumns
    .filter((column) => column.kind === kind)
    .map(referencesIn)
    .join(' union all ');
}

/**
 * The same of all kinds: a content that is not among these may leave the store. The view, which kinds' migrations extend, also has kinds of
 * a later version, and what steps are about to store.
 */
export const referencedContents = [...referringColumns.map(referencesIn), 'select sha256 from storage.referenced'].join(
  ' union all ',
);

function referencesIn({ schema, table, column, byName }: ReferringColumn): string {
  const [from, named] = [quoteIdentifier(schema, table), quoteIdentifier(column)];
  return byName
    ? `select entry.value as sha256 from ${from} cross join lateral
         jsonb_each_text(case when jsonb_typeof(${named}) = 'object' then ${named} else '{}' end) as entry`
    : `select ${named} as sha256 from ${from}`;
}
