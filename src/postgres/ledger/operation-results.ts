import type pg from 'pg';
import type { OperationView, OutcomeCounts } from '../../domain/migration/operation-view.js';
import type { SelectedRejects } from '../../domain/migration/reject-selection.js';
import { confirmOperation, type OperationClaim } from './operations.js';
import { forgetKeptCommand } from './run-state.js';
import { selectedSql, selectionValues } from './selected-rejects.js';

/** The record of what one command did, over all attempts to carry it out. */
export interface OperationResult {
  readonly id: string;
  readonly claim: OperationClaim;
  /** Whether an earlier attempt has done all of it. */
  readonly isFinished: boolean;
}

/**
 * Starts the record of the operation that the run's last command of this action requested, or continues it: an attempt may be
 * killed, or paused, at any instant. A new retry counts first how many rejects it has to try.
 */
export async function beginOperation(
  writer: pg.Client,
  claim: OperationClaim,
  action: OperationView['action'],
  retried?: SelectedRejects,
): Promise<OperationResult> {
  await writer.query('begin');
  await confirmOperation(writer, claim);
  const begun = await writer.query<{ id: string }>(
    `insert into ledger.operations (migration_id, action, event_id)
     select $1, $2, coalesce(max(id), 0) from ledger.events where migration_id = $1 and what = $2
     on conflict (migration_id, action, event_id) do nothing
     returning id`,
    [claim.migrationId, action],
  );
  const [started] = begun.rows;
  if (started !== undefined && retried !== undefined)
    await writer.query(
      `insert into ledger.operation_counts (operation_id, table_name, outcome, rows)
       select $2, table_name, 'tried', count(*) from ledger.rejects
        where migration_id = $1 and resolution in ('open', 'accepted') and ${selectedSql(3)}
        group by table_name`,
      [claim.migrationId, started.id, ...selectionValues(retried)],
    );
  const known = await writer.query<{ id: string; is_finished: boolean }>(
    `select id, finished_at is not null as is_finished from ledger.operations where migration_id = $1 and action = $2
        and event_id = (select coalesce(max(id), 0) from ledger.events where migration_id = $1 and what = $2)`,
    [claim.migrationId, action],
  );
  await writer.query('commit');
  const [operation] = known.rows;
  return { id: operation?.id ?? '', claim, isFinished: operation?.is_finished ?? false };
}

/** Adds to the counts of an operation, in the transaction that did what is counted. */
export async function countOutcomes(
  client: pg.ClientBase,
  { id }: OperationResult,
  table: string,
  counts: OutcomeCounts,
): Promise<void> {
  const some = Object.entries(counts).filter(([, rows]) => rows > 0);
  if (some.length === 0) return;
  await client.query(
    `insert into ledger.operation_counts as known (operation_id, table_name, outcome, rows)
     select $1, $2, counted.outcome, counted.rows from unnest($3::text[], $4::bigint[]) as counted (outcome, rows)
     on conflict (operation_id, table_name, outcome) do update set rows = known.rows + excluded.rows`,
    [id, table, some.map(([outcome]) => outcome), some.map(([, rows]) => rows)],
  );
}

/** Notes that an operation has done all that its command requested. */
export async function finishOperation(writer: pg.Client, { id, claim }: OperationResult): Promise<void> {
  await writer.query('begin');
  await confirmOperation(writer, claim);
  await writer.query(
    'update ledger.operations set finished_at = coalesce(finished_at, clock_timestamp()) where id = $1',
    [id],
  );
  // The claim holds the run: no other command began since.
  await forgetKeptCommand(writer, { migrationId: claim.migrationId });
  await writer.query('commit');
}

/** Of these rejects, those that were on record with another reason: to be called before they are recorded. */
export async function countOtherReasons(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  rejects: readonly { readonly sourceId: bigint; readonly reason: string }[],
): Promise<number> {
  if (rejects.length === 0) return 0;
  const found = await client.query<{ rows: string }>(
    `select count(*) as rows from ledger.rejects as known
       join unnest($3::bigint[], $4::text[]) as now (id, reason) on now.id = known.source_id and now.reason <> known.reason
      where migration_id = $1 and table_name = $2`,
    [migrationId, table, rejects.map(({ sourceId }) => sourceId.toString()), rejects.map(({ reason }) => reason)],
  );
  return Number(found.rows[0]?.rows ?? 0);
}
