import type pg from 'pg';
import type { Span } from '../../domain/migration/range-comparison.js';
import type { KindTable } from '../../domain/migration/table-rule.js';

/**
 * Within the transaction that takes rows out of the target: rejects of theirs that had been moved are open again, and rows that had
 * been moved with their parent follow its reject again. `removed` and `left` are texts of int8multiranges: the ids that were taken
 * out, and those among them that are still there. What a completed run moved stays moved.
 */
export async function reopenRemoved(
  client: pg.ClientBase,
  { kind, table }: KindTable,
  { after, upto }: Span,
  removed: string,
  left: string,
): Promise<void> {
  const values = [kind, table, after.toString(), upto.toString(), removed, left];
  await client.query(
    `update ledger.rejects set resolution = 'open' from ledger.migrations as run
      where ${removedSql('rejects')} and resolution = 'migrated'`,
    values,
  );
  await client.query(
    `update ledger.withheld set released_at = null from ledger.migrations as run
      where ${removedSql('withheld')} and released_at is not null`,
    values,
  );
}

/** SQL of the condition that a row of this table of the ledger is of one that was taken out; the bounds are for the index. */
function removedSql(table: 'rejects' | 'withheld'): string {
  return `run.id = ${table}.migration_id and run.kind = $1 and run.status <> 'completed' and ${table}.table_name = $2
        and ${table}.source_id > $3::bigint and ${table}.source_id <= $4::bigint
        and ${table}.source_id <@ ($5::int8multirange - $6::int8multirange)`;
}
