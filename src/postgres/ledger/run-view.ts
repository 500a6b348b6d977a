import type pg from 'pg';
import { type MigrationKind, migrationKinds } from '../../domain/catalog.js';
import { itemSteps } from '../../domain/migration/items.js';
import {
  allowedActions,
  type BlockReason,
  type ItemProgress,
  type MigrationAction,
  type MigrationMode,
  type MigrationStage,
  type MigrationStatus,
  type MigrationView,
} from '../../domain/migration/migration.js';
import { type OperationView, type OutcomeCounts, operationView } from '../../domain/migration/operation-view.js';

interface ViewRow {
  id: string;
  kind: MigrationKind;
  mode: MigrationMode;
  workflow_id: string;
  run_id: string | null;
  status: MigrationStatus;
  stage: MigrationStage;
  blocked_by: BlockReason | null;
  error: MigrationView['error'];
  pending: MigrationAction | null;
  total: string;
  total_estimated: boolean;
  started_at: Date;
  finished_at: Date | null;
  migrated: string;
  recent: string;
  recent_seconds: string;
  passed_items: string;
  items_taken_back: string;
  items_to_reject: string;
  rejected: string;
  open_rejects: boolean;
  verification_status: 'running' | 'clean' | 'mismatch' | 'abandoned' | null;
  compared: string | null;
  verified_at: Date | null;
  mismatches: MigrationView['verification']['mismatches'] | null;
  operation:
    | (Pick<OperationView, 'action' | 'by'> & { started_at: string; finished_at: string | null; counts: OutcomeCounts })
    | null;
}

/** One statement for one run or all: everything is counted from the ledger, without a call to Temporal. */
const viewStatement = `
  select m.id, m.kind, m.mode, m.workflow_id, m.run_id, m.status, m.stage, m.blocked_by,
         coalesce(m.error, case when m.finished_at is null then m.retried_failure end) as error, m.pending, m.total, m.total_estimated,
         m.started_at, m.finished_at, moved.migrated, moved.recent, moved.recent_seconds, kept.rejected + followers.rows as rejected, kept.open_rejects,
         v.status as verification_status, v.compared, v.finished_at as verified_at, differing.mismatches, done.operation,
         made.passed_items, made.items_taken_back, made.items_to_reject
    from ledger.migrations m
    cross join lateral (
      -- The last half minute, of this stretch of work alone: the rate before a pause says nothing about the rate after it.
      select greatest(now() - interval '30 seconds', max(at)) as since from ledger.events where migration_id = m.id) stretch
    cross join lateral (
      select coalesce(sum(migrated), 0) as migrated,
             coalesce(sum(migrated + rejected) filter (where committed_at > stretch.since), 0) as recent,
             greatest(1, extract(epoch from now() - stretch.since))::text as recent_seconds
        from ledger.batches where migration_id = m.id and state <> 'removed') moved
    cross join lateral (
      -- Each from an index alone, however many there are.
      select (select count(*) from ledger.rejects where migration_id = m.id and resolution in ('open', 'accepted')) as rejected,
             exists (select from ledger.rejects where migration_id = m.id and resolution = 'open') as open_rejects) kept
    cross join lateral (
      select count(*) as rows from ledger.withheld where migration_id = m.id and released_at is null) followers
    cross join lateral (
      select count(*) filter (where step = any ($1) and state in ('done', 'final')) as passed_items,
             count(distinct item_id) filter (where state = 'undone') as items_taken_back,
             -- Their rows count as moved until their round is over.
             count(distinct item_id) filter (where state = 'undone' and not exists (
               select from ledger.rejects where migration_id = m.id and rejects.table_name = items.table_name
                  and source_id = item_id and resolution in ('open', 'accepted'))) as items_to_reject
        from ledger.items where kind = m.kind and migration_id = m.id) made
    left join lateral (
      select * from ledger.verifications
       where migration_id = m.id and status <> 'abandoned' and m.status <> 'rolled_back' order by id desc limit 1) v on true
    left join lateral (
      select json_agg(json_build_object('table', table_name, 'id', source_id::text, 'field', field) order by table_name, source_id, field) as mismatches
        from (select table_name, source_id, field from ledger.mismatches where verification_id = v.id order by table_name, source_id, field limit 100) first) differing on true
    left join lateral (
      select json_build_object(
               'action', action, 'by', coalesce((select by from ledger.events where id = event_id), 'engine'),
               'started_at', started_at, 'finished_at', last.finished_at,
               'counts', coalesce((select json_object_agg(outcome, rows) from (
                 select outcome, sum(rows) as rows from ledger.operation_counts where operation_id = last.id group by 1) counted), '{}')) as operation
        from (select * from ledger.operations where migration_id = m.id order by id desc limit 1) last) done on true`;

/** The step after which an item has passed, for each kind that has items. */
const lastSteps = migrationKinds.flatMap((kind) => itemSteps(kind).slice(-1));

/** A run as the ledger knows it: Redis holds the weights. */
export type LedgerView = Omit<MigrationView, 'traffic'>;

/** What the ledger knows of a run; undefined when there is none of this id. */
export async function readMigration(cube: pg.Pool, id: string): Promise<LedgerView | undefined> {
  const found = await cube.query<ViewRow>(`${viewStatement} where m.id = $2`, [lastSteps, id]);
  return found.rows[0] && toView(found.rows[0]);
}

/** What the ledger knows of the runs with these ids, in one statement. */
export async function readMigrations(cube: pg.Pool, ids: readonly string[]): Promise<readonly LedgerView[]> {
  const found = await cube.query<ViewRow>(`${viewStatement} where m.id = any ($2)`, [lastSteps, ids]);
  return found.rows.map(toView);
}

/** All runs, the latest first. */
export async function listMigrations(cube: pg.Pool): Promise<readonly LedgerView[]> {
  const found = await cube.query<ViewRow>(`${viewStatement} order by m.started_at desc, m.id`, [lastSteps]);
  return found.rows.map(toView);
}

/** The rows of a kind with items are all of its main table: what is moved and neither passed nor undone is left. */
function itemProgress({ passed_items, items_taken_back, items_to_reject }: ViewRow, migrated: number): ItemProgress {
  const passed = Number(passed_items);
  return {
    passed,
    taken_back: Number(items_taken_back),
    left: Math.max(0, migrated - passed - Number(items_to_reject)),
  };
}

function toOperation({
  counts,
  started_at,
  finished_at,
  ...operation
}: NonNullable<ViewRow['operation']>): OperationView {
  const times = {
    started_at: new Date(started_at).toISOString(),
    finished_at: finished_at === null ? null : new Date(finished_at).toISOString(),
  };
  return operationView({ ...operation, ...times }, counts);
}

function toView(row: ViewRow): LedgerView {
  const [migrated, rejected] = [Number(row.migrated), Number(row.rejected)];
  const total = Math.max(Number(row.total), migrated + rejected);
  const verified = Number(row.compared ?? 0);
  const atWork = row.status === 'running';
  const rate = atWork && row.stage === 'copying' ? Number(row.recent) / Number(row.recent_seconds) : 0;
  const left = total - migrated - rejected;
  return {
    id: row.id,
    kind: row.kind,
    mode: row.mode,
    workflow_id: row.workflow_id,
    run_id: row.run_id,
    status: row.status,
    stage: row.stage,
    progress: {
      total,
      total_estimated: row.total_estimated,
      migrated,
      rejected,
      verified,
      rate_per_second: Math.round(rate),
      eta_seconds: rate > 0 && left > 0 ? Math.round(left / rate) : null,
      items: itemSteps(row.kind).length === 0 ? null : itemProgress(row, migrated),
    },
    verification: {
      status:
        row.verification_status === null || row.verification_status === 'abandoned' ? 'none' : row.verification_status,
      compared: verified,
      mismatches: row.mismatches ?? [],
      finished_at: row.verified_at?.toISOString() ?? null,
    },
    // Until there is a cutover all writes are legacy's.
    ownership: { owner: 'legacy', epoch: 0, since: null },
    error: row.error,
    actions: allowedActions({
      status: row.status,
      stage: row.stage,
      mode: row.mode,
      ...(row.blocked_by === null ? {} : { blockedBy: row.blocked_by }),
      ...(row.open_rejects ? { openRejects: true as const } : {}),
    }),
    pending: row.pending,
    last_operation: row.operation === null ? null : toOperation(row.operation),
    started_at: row.started_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}
