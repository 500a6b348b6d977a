import type pg from 'pg';
import { minKey } from '../../domain/migration/key-range.js';
import type { SelectedRejects } from '../../domain/migration/reject-selection.js';
import type { RowRef } from '../../domain/migration/row-name.js';
import type { RunStep } from '../../domain/migration/run-reference.js';
import type { KindTable } from '../../domain/migration/table-rule.js';
import { forgetKeptCommand } from './run-state.js';
import { assertCurrent, currentStepSql, runStepValues } from './run-step.js';
import { selectedSql, selectionValues } from './selected-rejects.js';

/** A source item that could not be moved. `payload` is the item's content and stays in the ledger. */
export interface RejectEntry {
  readonly sourceId: bigint;
  readonly reason: string;
  readonly detail: string;
  /** JSON text of the source row. */
  readonly payload: string;
}

/** Keeps rejects in the caller's transaction; one that was rejected before counts another attempt and is open again. */
export async function recordRejects(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  rejects: readonly RejectEntry[],
): Promise<void> {
  if (rejects.length === 0) return;
  await client.query(
    `insert into ledger.rejects as known (migration_id, table_name, source_id, reason, detail, payload)
     select $1, $2, r.id, r.reason, r.detail, r.payload::jsonb
       from unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) as r (id, reason, detail, payload)
     on conflict (migration_id, table_name, source_id) do update
        set attempts = known.attempts + 1, last_attempt_at = now(), reason = excluded.reason,
            detail = excluded.detail, payload = excluded.payload,
            resolution = case when known.resolution = 'accepted' and known.payload = excluded.payload then 'accepted' else 'open' end`,
    [
      migrationId,
      table,
      rejects.map((reject) => reject.sourceId.toString()),
      rejects.map((reject) => reject.reason),
      rejects.map((reject) => reject.detail),
      rejects.map((reject) => reject.payload),
    ],
  );
}

/**
 * Marks rejects whose rows were moved after all, in the caller's transaction. Of a row that legacy deleted nothing is
 * kept: its user may have fence for that.
 */
export async function resolveRejects(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  ids: readonly bigint[],
  resolution: 'migrated' | 'gone',
): Promise<void> {
  if (ids.length === 0) return;
  await client.query(
    `update ledger.rejects set resolution = $4, attempts = attempts + 1, last_attempt_at = now(),
            payload = case when $4 = 'gone' then 'null' else payload end
      where migration_id = $1 and table_name = $2 and source_id = any($3::bigint[]) and resolution in ('open', 'accepted')`,
    [migrationId, table, ids.map(String), resolution],
  );
}

/** Ids of a table's rejects that are not in the target, in (after, upto], ascending. */
export async function unresolvedRejectIds(
  cube: pg.Pool | pg.ClientBase,
  migrationId: string,
  table: string,
  after: bigint,
  upto: bigint,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select source_id from ledger.rejects
      where migration_id = $1 and table_name = $2 and source_id > $3 and source_id <= $4
        and resolution in ('open', 'accepted')
      order by source_id`,
    [migrationId, table, after.toString(), upto.toString()],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}

/** Ids in (after, upto] that earlier runs of the kind rejected and did not move since. */
export async function formerRejectIds(
  cube: pg.Pool,
  { kind, table }: KindTable,
  migrationId: string,
  after: bigint,
  upto: bigint,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select distinct source_id from ledger.rejects join ledger.migrations on migrations.id = migration_id
      where kind = $1 and table_name = $2 and migration_id <> $3 and source_id > $4 and source_id <= $5
        and resolution in ('open', 'accepted')
      order by source_id`,
    [kind, table, migrationId, after.toString(), upto.toString()],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}

/**
 * A person takes rejects as they are; they stay out of the target and no longer count against the limit. What was rejected
 * after the run came to the state of this step is not what the person saw, and stays open. Commits page by page, each
 * on condition that the step is still current, and calls `onPage` after each; the next attempt accepts what is left. Throws when
 * `signal` is aborted before the last page.
 */
export async function acceptRejects(
  cube: pg.Pool,
  fence: RunStep,
  selection: SelectedRejects,
  by: string,
  why: string,
  { pageRows = acceptedAtOnce, onPage = () => undefined, signal }: AcceptPaging = {},
): Promise<number> {
  const bound = await cube.query<{ seen: string }>(
    `select coalesce(max(at), 'infinity')::text as seen from ledger.events where migration_id = $1`,
    [fence.migrationId],
  );
  const seen = bound.rows[0]?.seen ?? 'infinity';
  let [accepted, after]: [number, RowRef] = [0, { table: '', id: minKey.toString() }];
  for (;;) {
    const found = await cube.query<RowRef>(
      `select table_name as table, source_id as id from ledger.rejects
        where migration_id = $1 and resolution = 'open' and (table_name, source_id) > ($2, $3::bigint)
          and last_attempt_at <= $4::timestamptz and ${selectedSql(6)}
        order by table_name, source_id limit $5`,
      [fence.migrationId, after.table, after.id, seen, pageRows, ...selectionValues(selection)],
    );
    const { table = '' } = found.rows[0] ?? {};
    const page = found.rows.filter((row) => row.table === table);
    // By key: without statistics yet, a join would compare each with each.
    const done = await cube.query<{ is_current: boolean; accepted: string }>(
      `with fence as (${currentStepSql}),
       accepted as (
         update ledger.rejects set resolution = 'accepted', accepted_by = $3, accepted_why = $4, accepted_at = now()
          where migration_id = $1 and table_name = $5 and source_id = any ($6::bigint[]) and resolution = 'open'
            and last_attempt_at <= $7::timestamptz and exists (select from fence)
          returning 1)
       select exists (select from fence) as is_current, (select count(*) from accepted) as accepted`,
      [...runStepValues(fence), by, why, table, page.map(({ id }) => id), seen],
    );
    accepted += Number(assertCurrent(done, fence).accepted);
    const last = page.at(-1);
    if (last === undefined) {
      await forgetKeptCommand(cube, fence);
      return accepted;
    }
    after = last;
    onPage(last);
    signal?.throwIfAborted();
  }
}

interface AcceptPaging {
  readonly pageRows?: number;
  /** Called with the last row of each page that was committed. */
  readonly onPage?: (last: RowRef) => void;
  readonly signal?: AbortSignal;
}

/** Less than a second's work of a loaded server: a page is what an attempt that is cancelled does again. */
const acceptedAtOnce = 5000;

/** Rows that follow a reject count as it does. */
export interface RejectCounts {
  /** Rejects that are not accepted yet. */
  readonly open: number;
  /** All that are not in the target. */
  readonly unresolved: number;
  /** The most frequent reasons among the open ones, at most three. */
  readonly topReasons: readonly { readonly reason: string; readonly count: number }[];
}

/** Rejects that are not accepted yet, with the rows that follow them: `open` of `countRejects`, from an index alone. */
export async function countOpenRejects(cube: pg.Pool, migrationId: string): Promise<number> {
  const counted = await cube.query<{ open: string }>(
    `with followers as (
       select reject_table, reject_id, count(*) as rows from ledger.withheld
        where migration_id = $1 and released_at is null group by reject_table, reject_id)
     select (select count(*) from ledger.rejects where migration_id = $1 and resolution = 'open')
            + coalesce((
                select sum(rows) from followers
                 cross join lateral (
                   select from ledger.rejects
                    where migration_id = $1 and table_name = reject_table and source_id = reject_id and resolution = 'open'
                    limit 1) as own), 0) as open`,
    [migrationId],
  );
  return Number(counted.rows[0]?.open ?? 0);
}

export async function countRejects(cube: pg.Pool, migrationId: string): Promise<RejectCounts> {
  const counts = await cube.query<{ reason: string; open: string; unresolved: string }>(
    `with followers as (
       select reject_table, reject_id, count(*) as rows from ledger.withheld
        where migration_id = $1 and released_at is null group by reject_table, reject_id),
     unresolved as (
       select reason, resolution, 1 as rows from ledger.rejects
        where migration_id = $1 and resolution in ('open', 'accepted')
       union all
       -- By key, one after the other: without statistics yet, a join would compare each with each.
       select own.reason, own.resolution, followers.rows from followers
        cross join lateral (
          select reason, resolution from ledger.rejects
           where migration_id = $1 and table_name = reject_table and source_id = reject_id limit 1) as own)
     select reason, coalesce(sum(rows) filter (where resolution = 'open'), 0) as open, sum(rows) as unresolved
       from unresolved group by reason`,
    [migrationId],
  );
  const reasons = counts.rows.map((row) => ({
    reason: row.reason,
    open: Number(row.open),
    unresolved: Number(row.unresolved),
  }));
  return {
    open: reasons.reduce((sum, row) => sum + row.open, 0),
    unresolved: reasons.reduce((sum, row) => sum + row.unresolved, 0),
    topReasons: reasons
      .filter((row) => row.open > 0)
      .sort((a, b) => b.open - a.open || a.reason.localeCompare(b.reason))
      .slice(0, 3)
      .map((row) => ({ reason: row.reason, count: row.open })),
  };
}
