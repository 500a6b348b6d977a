import type pg from 'pg';
import { Failure, type FailureReport } from '../../base/failures.js';
import type { MigrationKind } from '../../domain/catalog.js';
import { itemTable } from '../../domain/migration/items.js';
import type {
  BlockReason,
  KeptCommand,
  MigrationAction,
  MigrationStage,
  MigrationStatus,
  SteeringRequest,
} from '../../domain/migration/migration.js';
import { endedStatuses, endsRun, isKept } from '../../domain/migration/migration.js';
import type { RunStep } from '../../domain/migration/run-reference.js';
import { inTransaction } from '../connect.js';
import { finalizeItems } from './final-items.js';
import { assertCurrent, currentStepSql, notLaterSql, runStepValues } from './run-step.js';

/** The state of a run as its workflow reports it. `sequence` rises with each change; an older one never overwrites a newer. */
export interface RecordedState {
  readonly sequence: number;
  readonly stage: MigrationStage;
  readonly status: MigrationStatus;
  readonly blockedBy?: BlockReason;
  readonly error?: FailureReport;
  readonly runId: string;
  /** Who or what brought it here, for the log of events. */
  readonly by: string;
  readonly what: string;
  /** Whether no word that was accepted before waits to be carried out any more. */
  readonly settles: boolean;
  /** The command that the run begins with this state, to be kept until it was carried out. */
  readonly command?: KeptCommand;
}

/**
 * Records the state and the event that brought it, once, however often it is called; a run that has ended stays ended. A cancel
 * or rollback that was accepted is pending until the run has ended: no state that was on its way clears it.
 */
export async function recordRunState(cube: pg.Pool, migrationId: string, state: RecordedState): Promise<void> {
  const ended = endedStatuses.has(state.status);
  await cube.query(
    `with changed as (
       update ledger.migrations
          set stage = $2, status = $3, blocked_by = $4, error = $5, retried_failure = null,
              state_sequence = $6, run_id = $7,
              finished_at = case when $8 then coalesce(finished_at, now()) end,
              pending = case when $8 then null
                             when $9 in ('cancel', 'rollback') then $9
                             when pending in ('cancel', 'rollback') and $2 <> 'rolling_back' then pending
                             when $11 then null else pending end,
              command = case when $8 then null else coalesce($12::jsonb, command) end
        where id = $1 and state_sequence < $6 and finished_at is null
        returning id)
     insert into ledger.events (migration_id, what, by, detail)
     select id, $9, $10, jsonb_build_object('stage', $2::text, 'status', $3::text, 'error', $5::jsonb ->> 'type') from changed`,
    [
      migrationId,
      state.stage,
      state.status,
      state.blockedBy ?? null,
      state.error === undefined ? null : JSON.stringify(state.error),
      state.sequence,
      state.runId,
      ended,
      state.what,
      state.by,
      state.settles,
      state.command === undefined ? null : JSON.stringify(state.command),
    ],
  );
}

/**
 * Notes a command that the plan accepted in the state fence in; a late note, when the run is in another state already, changes
 * nothing. With `request` a command about rejects or a repair is kept until it was carried out to its end.
 */
export async function recordPending(
  cube: pg.Pool,
  fence: RunStep,
  action: MigrationAction,
  request?: SteeringRequest,
): Promise<void> {
  const kept = request === undefined || !isKept(action) ? null : ({ action, request } satisfies KeptCommand);
  await cube.query(
    // A note that is repeated may come after that of a later word; no other word is taken after a way out.
    `update ledger.migrations set pending = case when pending in ('cancel', 'rollback') and $3 not in ('cancel', 'rollback') then pending else $3 end,
            command = coalesce($4::jsonb, command)
      where id = $1 and finished_at is null and ${notLaterSql('$2')}`,
    [...runStepValues(fence), action, kept && JSON.stringify(kept)],
  );
}

/** The kept command of a run, which it has not carried out to its end; undefined where there is none. */
export async function readKeptCommand(cube: pg.Pool, migrationId: string): Promise<KeptCommand | undefined> {
  const found = await cube.query<{ command: KeptCommand | null }>(
    'select command from ledger.migrations where id = $1',
    [migrationId],
  );
  return found.rows[0]?.command ?? undefined;
}

/** Notes that the kept command of a run was carried out to its end. A step that comes late does not forget the next command. */
export async function forgetKeptCommand(
  writer: pg.Pool | pg.ClientBase,
  { migrationId, sequence }: { readonly migrationId: string; readonly sequence?: number },
): Promise<void> {
  await writer.query(
    `update ledger.migrations set command = null
      where id = $1 and command is not null and ($2::bigint is null or ${notLaterSql('$2')})`,
    [migrationId, sequence ?? null],
  );
}

/** Gives up a command that a lost plan accepted and that no other plan carries out. False where another one is pending by now. */
export async function dropPending(cube: pg.Pool, migrationId: string, action: MigrationAction): Promise<boolean> {
  const dropped = await cube.query(
    'update ledger.migrations set pending = null where id = $1 and pending = $2 and finished_at is null',
    [migrationId, action],
  );
  return dropped.rowCount === 1;
}

/** The number of the last event of a run on record, as text; `isCommandOnRecord` looks behind it. */
export async function readLastEvent(cube: pg.Pool, migrationId: string): Promise<string> {
  const found = await cube.query<{ id: string }>(
    'select coalesce(max(id), 0) as id from ledger.events where migration_id = $1',
    [migrationId],
  );
  return found.rows[0]?.id ?? '0';
}

/**
 * Whether the ledger shows a command: as pending, or as what brought a state after the event `after`. If not, `wayOut` names the
 * cancel or rollback that is pending in its place.
 */
export async function findCommand(
  cube: pg.Pool,
  migrationId: string,
  action: MigrationAction,
  after: string,
): Promise<{ readonly isShown: boolean; readonly wayOut: 'cancel' | 'rollback' | null }> {
  const found = await cube.query<{ is_shown: boolean; pending: MigrationAction | null }>(
    `select pending, pending is not distinct from $2
            or exists (select from ledger.events where migration_id = $1 and id > $3 and what = $2) as is_shown
       from ledger.migrations where id = $1`,
    [migrationId, action, after],
  );
  const { is_shown: isShown = false, pending = null } = found.rows[0] ?? {};
  return { isShown, wayOut: pending !== null && endsRun(pending) && !endsRun(action) ? pending : null };
}

/**
 * Before another plan replaces a lost one: gives the run the next number, so that a state which the lost plan has begun to
 * record comes too late. `seen` is the number that was on record before the plan was found lost: where it is not any more,
 * another request has done this, or the plan has recorded a state since, and nothing changes.
 */
export async function supersedeLostPlan(cube: pg.Pool, migrationId: string, seen: string): Promise<void> {
  await cube.query(
    `update ledger.migrations set state_sequence = state_sequence + 1
      where id = $1 and finished_at is null and state_sequence::text = $2`,
    [migrationId, seen],
  );
}

/** The sequence of the last state on record, as text; empty for a run that the ledger does not know. */
export async function readStateSequence(cube: pg.Pool, migrationId: string): Promise<string> {
  const found = await cube.query<{ state_sequence: string }>(
    'select state_sequence from ledger.migrations where id = $1',
    [migrationId],
  );
  return found.rows[0]?.state_sequence ?? '';
}

export async function recordEstimate(cube: pg.Pool, fence: RunStep, total: number, estimated: boolean): Promise<void> {
  const recorded = await cube.query<{ is_current: boolean }>(
    `with fence as (${currentStepSql})
     update ledger.migrations as run set total = $3, total_estimated = $4 from fence where run.id = fence.id
     returning true as is_current`,
    [...runStepValues(fence), total, estimated],
  );
  assertCurrent(recorded, fence);
}

/** Keeps what columns of the source the run leaves behind, for its report. */
export async function recordUnmapped(cube: pg.Pool, fence: RunStep, columns: readonly string[]): Promise<void> {
  const recorded = await cube.query<{ is_current: boolean }>(
    `with fence as (${currentStepSql})
     update ledger.migrations as run set unmapped_columns = $3 from fence where run.id = fence.id
     returning true as is_current`,
    [...runStepValues(fence), columns],
  );
  assertCurrent(recorded, fence);
}

/**
 * Hands the rows over for good and completes the run, both or neither: no later rollback touches what runs of the kind put
 * there, and none is begun for a run that owns nothing any more, though its plan be lost. Only for a run that is at its end
 * and in no later state: what a next run of the kind has put there is not its to hand over. Done again it does nothing.
 */
export async function finalizeBatches(cube: pg.Pool, fence: RunStep): Promise<void> {
  await inTransaction(cube, async (client) => {
    await client.query("set local idle_in_transaction_session_timeout = '15s'");
    const run = await client.query<{ kind: MigrationKind; is_completed: boolean }>(
      "select kind, status = 'completed' as is_completed from ledger.migrations where id = $1",
      [fence.migrationId],
    );
    const [known] = run.rows;
    if (known?.is_completed) return;
    const handed = await client.query<{ is_current: boolean; items: string }>(
      `with fence as (${currentStepSql}),
       handed as (
         update ledger.batches set state = 'final' from fence
          where batches.kind = fence.kind and state = 'owned'
         returning table_name, ids)
       select exists (select from fence) as is_current,
              (select coalesce(range_agg(ids), '{}')::text from handed where table_name = $3) as items`,
      [...runStepValues(fence), known && itemTable(known.kind)],
    );
    const { items } = assertCurrent(handed, fence);
    if (known !== undefined) await finalizeItems(client, { ...fence, kind: known.kind }, items);
    await client.query('set constraints all immediate');
    // Still owned, they would be removed by the next rollback of the kind.
    const owned = await client.query<{ ids: string }>(
      `select ids::text as ids from ledger.batches
        where kind = (select kind from ledger.migrations where id = $1) and state = 'owned' order by upto limit 3`,
      [fence.migrationId],
    );
    if (owned.rows.length === 0) return completeRun(client, fence.migrationId);
    const some = owned.rows.map(({ ids }) => ids).join(', ');
    throw new Failure(
      'unexpected',
      `The ledger did not hand over all rows: batches with the ids ${some} are still owned.`,
      {
        hint: 'Look for a trigger or rule on the table ledger.batches, which is for the engine alone.',
      },
    );
  });
}

/** The same state that the plan writes afterwards, which then changes nothing. */
async function completeRun(client: pg.ClientBase, migrationId: string): Promise<void> {
  await client.query(
    `with completed as (
       update ledger.migrations
          set stage = 'done', status = 'completed', blocked_by = null, error = null, retried_failure = null, pending = null,
              state_sequence = state_sequence + 1, finished_at = now()
        where id = $1
        returning id)
     insert into ledger.events (migration_id, what, by, detail)
     select id, 'complete', 'engine', jsonb_build_object('stage', 'done', 'status', 'completed', 'error', null) from completed`,
    [migrationId],
  );
}

/** What a run did so far, counted from the log. */
export interface RunCounts {
  readonly migrated: number;
  /** Rejects, and rows that follow one. */
  readonly rejected: number;
  readonly warned: number;
}

export async function countRun(cube: pg.Pool, migrationId: string): Promise<RunCounts> {
  const counted = await cube.query<{ migrated: string; rejected: string; warned: string }>(
    `select coalesce(sum(migrated), 0) as migrated,
            coalesce(sum(warned) filter (where origin <> 'repaired'), 0) as warned,
            (select count(*) from ledger.rejects where migration_id = $1 and resolution in ('open', 'accepted'))
              + (select count(*) from ledger.withheld where migration_id = $1 and released_at is null) as rejected
       from ledger.batches where migration_id = $1`,
    [migrationId],
  );
  const [row] = counted.rows;
  return {
    migrated: Number(row?.migrated ?? 0),
    rejected: Number(row?.rejected ?? 0),
    warned: Number(row?.warned ?? 0),
  };
}
