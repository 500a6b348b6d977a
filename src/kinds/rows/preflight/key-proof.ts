import { Failure } from '../../../base/failures.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import type { Side } from '../../../domain/side.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import type { Queryable } from './grants.js';

/**
 * Copy and comparison find a row by its key, and rely on every row having one and no two having the same. Throws the
 * schema failure of the side unless the database itself guarantees that for the whole table.
 */
export async function proveKey(client: Queryable, side: Side, table: TableRule): Promise<void> {
  const facts = await readKeyFacts(client, table);
  const problem = facts && findProblem(facts, table);
  if (problem === undefined) return;
  throw new Failure(
    side === 'legacy' ? 'legacy_schema_mismatch' : 'cube_schema_mismatch',
    `The ${side} database does not guarantee one ${table.key} for each row of ${table.schema}.${table.table}: ${problem.why}.`,
    { hint: problem.hint },
  );
}

interface KeyFacts {
  /** pg_class.relkind. */
  readonly kind: string;
  readonly has_children: boolean;
  readonly not_null: boolean;
  /** There is a unique index that proves it. */
  readonly unique: boolean;
  /** Unique indexes that look as if they did, each with why it does not. */
  readonly almost: readonly string[];
}

/** Undefined when there is no such table or column: another check reports that. */
async function readKeyFacts(client: Queryable, table: TableRule): Promise<KeyFacts | undefined> {
  const found = await client.query<KeyFacts>(
    `with key as (
       select attrelid as oid, attnum, attnotnull from pg_catalog.pg_attribute
        where attrelid = pg_catalog.to_regclass($1) and attname = $2 and attnum > 0 and not attisdropped),
     indexes as (
       select pg_class.relname,
              case when not (indisvalid and indisready and indislive) then 'is not valid'
                   when not indimmediate then 'is checked at the end of a transaction only'
                   when indpred is not null then 'covers a part of the rows only'
                   when indnkeyatts <> 1 or indkey[0] <> attnum then 'is over other columns or expressions too'
                   when opcmethod <> 403 or not opcdefault then 'compares in a way of its own'
              end as why
         from key
         join pg_catalog.pg_index on indrelid = key.oid and indisunique
          and (attnum = any (indkey) or indexprs is not null)
         join pg_catalog.pg_class on pg_class.oid = indexrelid
         join pg_catalog.pg_opclass on pg_opclass.oid = indclass[0])
     select relkind as kind,
            relkind <> 'p' and exists (select from pg_catalog.pg_inherits where inhparent = key.oid) as has_children,
            -- Added NOT VALID it says nothing about rows that were there before.
            attnotnull and not exists (
              select from pg_catalog.pg_constraint
               where conrelid = key.oid and contype = 'n' and conkey = array[attnum] and not convalidated) as not_null,
            exists (select from indexes where why is null) as unique,
            array(select relname || ' ' || why from indexes where why is not null order by relname) as almost
       from key join pg_catalog.pg_class on pg_class.oid = key.oid`,
    [quoteIdentifier(table.schema, table.table), table.key],
  );
  return found.rows[0];
}

const kindsWithoutKeys: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
};

function findProblem(facts: KeyFacts, table: TableRule): { readonly why: string; readonly hint: string } | undefined {
  const { schema, table: name, key } = table;
  const without = kindsWithoutKeys[facts.kind];
  if (without !== undefined) {
    return {
      why: `it is ${without}`,
      hint: `Make ${schema}.${name} a table that holds the rows itself, with ${key} as its primary key.`,
    };
  }
  if (facts.has_children) {
    return {
      why: 'other tables inherit from it, and no index covers their rows too',
      hint: `Move the rows of the inheriting tables into ${schema}.${name}, and detach them with \`alter table … no inherit ${name}\`.`,
    };
  }
  if (!facts.unique) {
    const almost = facts.almost.length === 0 ? '' : ` (${facts.almost.join(', ')})`;
    return {
      why: `no unique index is on ${key} alone${almost}`,
      hint:
        facts.kind === 'p'
          ? `Partition it by ${key}, so that ${key} alone can be its primary key, or put the rows into an ordinary table that has one.`
          : `Make ${key} the primary key, after giving rows that share one another: \`alter table ${schema}.${name} add primary key (${key})\`.`,
    };
  }
  if (facts.not_null) return undefined;
  return {
    why: `${key} may be NULL`,
    hint: `Give rows without one a ${key} of their own, then \`alter table ${schema}.${name} alter ${key} set not null\`.`,
  };
}
