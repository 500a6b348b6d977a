import { minKey } from '../../../domain/migration/key-range.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import type { DigestedField } from '../row-mapping.js';

/** Which of the two tables a statement reads, and which of a field's two expressions it takes. */
export type TableSide = 'source' | 'target';

/**
 * SQL that gives (key, digest) of every row with a key in ($1, $2], without those in $3 (a bigint[]), in key order and no
 * more than $4 of them (null: all). Nothing comes before the least key there can be: from there on that key itself is read
 * too, so that no row of the table stays unseen.
 *
 * The digest is SHA-256 over the row's fields as bytes, each behind its length, NULL distinct from every value: two
 * rows give the same bytes only if every field is the same. Processors have instructions for it, which makes it cheaper
 * than MD5, and a server in FIPS mode has it. The inner `limit` also keeps each field's expression from being evaluated
 * twice.
 */
export function rowDigests(table: TableRule, fields: readonly DigestedField[], side: TableSide): string {
  const key = quoteIdentifier(table.key);
  const columns = fields.map((field) => `${field[side]} as ${quoteIdentifier(field.name)}`);
  const framed = ['int8send(key)', ...fields.map(framedField)];
  return `select key, sha256(${framed.join(' || ')}) as digest
    from (select ${key}::bigint as key, ${columns.join(', ')}
            from ${quoteIdentifier(table.schema, table.table)}
           where ($1::bigint = '${minKey}' or ${key} > $1::bigint) and ${key} <= $2::bigint and ${key} <> all ($3::bigint[])
           order by ${key} limit $4::bigint) as row`;
}

function framedField(field: DigestedField): string {
  const name = quoteIdentifier(field.name);
  switch (field.type) {
    case 'text':
      return `coalesce(int4send(octet_length(${name})) || textsend(${name}), '\\xffffffff'::bytea)`;
    case 'timestamp':
      return `coalesce('\\x01'::bytea || timestamptz_send(${name}), '\\x00'::bytea)`;
  }
}

/**
 * SQL that gives one row for ($1, $2] without $3, of no more than $4 rows: how many there are, how many keys they have, and
 * the digest over their digests in key order, in hexadecimal digits.
 */
export function rangeDigest(table: TableRule, fields: readonly DigestedField[], side: TableSide): string {
  return `select count(*)::text as rows, count(distinct key)::text as ids,
           encode(sha256(coalesce(string_agg(digest, ''::bytea order by key), ''::bytea)), 'hex') as digest
    from (${rowDigests(table, fields, side)}) as rows`;
}
