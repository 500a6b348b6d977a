import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { kindEntry, type MigrationKind } from '../../domain/catalog.js';
import { quoteIdentifier } from '../connect.js';

/** What a report proves, as the ledger holds it. Ids, fields and counts; no record contents. */
export interface ReportRecords {
  /** Columns of legacy's table that stay behind there. */
  readonly unmapped_columns: unknown;
  readonly batches: unknown;
  readonly rejects: unknown;
  /** Rows that follow a reject of their parent. */
  readonly withheld: unknown;
  readonly verifications: unknown;
  readonly set_aside: unknown;
  /** What retries of rejects and repairs did, by table and outcome. */
  readonly operations: unknown;
  readonly events: unknown;
  /** The kind's own evidence of the last verification that has ended; left out while none has. */
  readonly evidence?: unknown;
}

/** The records of a run; rows with a warning are counted under the name that the catalogue has for warnings of the kind. */
export async function readReport(
  cube: pg.Pool,
  { id: migrationId, kind }: { readonly id: string; readonly kind: MigrationKind },
): Promise<ReportRecords> {
  const warning = quoteIdentifier(kindEntry(kind).warning ?? 'warned');
  const found = await cube.query<Omit<ReportRecords, 'evidence'> & { readonly evidence: unknown }>(
    `select
       (select unmapped_columns from ledger.migrations where id = $1) as unmapped_columns,
       (select coalesce(json_agg(b), '[]') from (
          select table_name as table, origin, state, count(*) as batches, sum(migrated) as migrated, sum(rejected) as rejected, sum(warned) as ${warning},
                 sum(bytes) as bytes, min(committed_at) as first_commit, max(committed_at) as last_commit, count(distinct worker) as workers
            from ledger.batches where migration_id = $1 group by table_name, origin, state order by table_name, origin, state) b) as batches,
       (select coalesce(json_agg(r), '[]') from (
          select table_name as table, reason, resolution, accepted_by, accepted_why, count(*) as rows from ledger.rejects
           where migration_id = $1 group by 1, 2, 3, 4, 5 order by 1, 2, 3) r) as rejects,
       (select coalesce(json_agg(w), '[]') from (
          select table_name as table, reject_table, count(*) as rows from ledger.withheld
           where migration_id = $1 and released_at is null group by 1, 2 order by 1, 2) w) as withheld,
       (select coalesce(json_agg(v), '[]') from (
          select id, status, source_rows, target_rows, rejected_rows, mismatched, source_total, target_total, owned_total, disagreement, started_at, finished_at,
                 (select count(*) from ledger.verified_ranges where verification_id = verifications.id) as ranges,
                 (select encode(sha256(convert_to(coalesce(string_agg(source_digest, '' order by table_name, after), ''), 'UTF8')), 'hex') from ledger.verified_ranges where verification_id = verifications.id) as source_digest,
                 (select encode(sha256(convert_to(coalesce(string_agg(target_digest, '' order by table_name, after), ''), 'UTF8')), 'hex') from ledger.verified_ranges where verification_id = verifications.id) as target_digest,
                 (select coalesce(json_agg(t), '[]') from (
                    select table_name as table, source_total, target_total, owned_total from ledger.verified_tables
                     where verification_id = verifications.id order by 1) t) as tables
            from ledger.verifications where migration_id = $1 order by id) v) as verifications,
       (select json_build_object('verification_id', id::text, 'section', evidence)
          from ledger.verifications where migration_id = $1 and evidence is not null order by id desc limit 1) as evidence,
       (select coalesce(json_agg(s), '[]') from (
          select table_name as table, source_id::text as id, set_aside_at, restored_at from ledger.set_aside where migration_id = $1 order by id limit 1000) s) as set_aside,
       (select coalesce(json_agg(o), '[]') from (
          select action, started_at, finished_at,
                 (select coalesce(json_agg(c), '[]') from (
                    select table_name as table, outcome, rows from ledger.operation_counts
                     where operation_id = operations.id order by 1, 2) c) as counts
            from ledger.operations where migration_id = $1 order by id) o) as operations,
       (select coalesce(json_agg(e), '[]') from (
          select at, what, by, detail from ledger.events where migration_id = $1 order by id) e) as events`,
    [migrationId],
  );
  const [row] = found.rows;
  if (row === undefined) throw new Failure('unexpected', `The ledger gave no report of migration ${migrationId}.`);
  const { evidence, ...records } = row;
  return evidence === null ? records : { ...records, evidence };
}
