import type pg from 'pg';
import type { MovedTable } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { maxNamed, type SomeIds } from '../remaining-rows.js';

/**
 * SQL of how a table's rows are written: PostgreSQL's text of a row is read back by the columns the table has then, and a text that
 * does not fit is an error that quotes it whole.
 */
export function rowShape(table: string): string {
  return `(select string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
             from pg_attribute where attrelid = '${table.replaceAll("'", "''")}'::regclass and attnum > 0 and not attisdropped)`;
}

/**
 * Puts back, in the caller's transaction, the rows of a table that repairs of the kind had set aside, of each id the one that was set
 * aside last, and marks those that are then there as they were. Returns the ids of the others: another row is there,
 * or the table refuses them in silence, or its columns are others now. What a completed run had set aside is final; what retention has emptied cannot come
 * back.
 */
export async function restoreSetAside(client: pg.ClientBase, { kind, table, target }: MovedTable): Promise<SomeIds> {
  const key = quoteIdentifier(target.key);
  const rows = quoteIdentifier(target.schema, target.table);
  const aside = await client.query<{ id: string }>(
    `select id from (
       select distinct on (source_id) set_aside.*, migrations.status
         from ledger.set_aside join ledger.migrations on migrations.id = migration_id
        where set_aside.kind = $1 and table_name = $2 order by source_id, set_aside.id desc) as latest
      where restored_at is null and payload ? 'exact' and status <> 'completed'`,
    [kind, table],
  );
  const entries = aside.rows.map(({ id }) => id);
  if (entries.length === 0) return { count: 0, first: [] };
  await client.query(
    `insert into ${rows} select (row).*
       from (select (payload ->> 'exact')::${rows} as row from ledger.set_aside
              where id = any ($1::bigint[]) and coalesce(payload ->> 'shape' = ${rowShape(rows)}, true)) as aside
     on conflict do nothing`,
    [entries],
  );
  await client.query('set constraints all immediate');
  await client.query(
    `update ledger.set_aside set restored_at = now()
      where id = any ($1::bigint[])
        and exists (select from ${rows} as row where row.${key} = source_id and row::text = payload ->> 'exact')`,
    [entries],
  );
  const missed = await client.query<{ source_id: string }>(
    'select source_id from ledger.set_aside where id = any ($1::bigint[]) and restored_at is null order by source_id',
    [entries],
  );
  return { count: missed.rows.length, first: missed.rows.slice(0, maxNamed).map(({ source_id }) => source_id) };
}
