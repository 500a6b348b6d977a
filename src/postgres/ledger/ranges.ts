import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { type FencingToken, fencingToken } from '../../domain/migration/fencing-token.js';
import { maxKey, minKey } from '../../domain/migration/key-range.js';
import type { RunStep } from '../../domain/migration/run-reference.js';
import { inTransaction } from '../connect.js';
import { notLaterSql, runStepValues } from './run-step.js';

/**
 * A piece of a source table's key space that one lane works on: ids in (after, upto]; those in (after, position] are
 * committed. Only the holder of the newest token may commit to it.
 */
export interface ClaimedRange {
  readonly id: string;
  readonly table: string;
  readonly after: bigint;
  readonly upto: bigint;
  readonly position: bigint;
  readonly token: FencingToken;
}

export interface Claimant extends RunStep {
  readonly lane: number;
  readonly worker: string;
}

/** Finds the last id of the next `rows` source rows after an id; undefined when there are none. */
export type FindRangeEnd = (after: bigint) => Promise<bigint | undefined>;

/** A table whose ranges lanes claim. */
export interface ClaimableTable {
  readonly table: string;
  /** Nothing of a child table is claimed before every range of its parent's is done. */
  readonly parent?: string | undefined;
  readonly findRangeEnd: FindRangeEnd;
}

/** The name under which a session writes for a claim; a later claim ends the sessions of an earlier one by it. */
export function claimSessionName(token: FencingToken): string {
  return `cubeshift claim ${token}`;
}

/**
 * The next range for a lane, under a new token: first one that the lane held before it died or that is unclaimed, then
 * a new one cut from the first table that is not exhausted, behind its frontier. `waiting` while other lanes still have ranges
 * without which a child table cannot begin; undefined when nothing is left for this lane.
 * A former holder that still lives (frozen, or cut off) loses its sessions here, so that it can neither commit nor block.
 * Throws `claim_lost` once the run no longer works: a lane frozen before its claim must not copy into what has
 * been undone meanwhile.
 */
export async function claimRange(
  cube: pg.Pool,
  claimant: Claimant,
  tables: readonly ClaimableTable[],
): Promise<ClaimedRange | 'waiting' | undefined> {
  await endFormerHolders(cube, claimant);
  return inTransaction(cube, async (client) => {
    // A worker frozen between two statements must not hold the frontiers for longer than this.
    await client.query("set local idle_in_transaction_session_timeout = '15s'");
    const migration = await client.query<{ at_work: boolean }>(
      `select status = 'running' and stage not in ('rolling_back', 'done') and ${notLaterSql('$2')} as at_work
         from ledger.migrations where id = $1 for update`,
      runStepValues(claimant),
    );
    const run = migration.rows[0];
    if (run === undefined) throw new Failure('not_found', `The ledger knows no migration ${claimant.migrationId}.`);
    if (!run.at_work) {
      throw new Failure('claim_lost', `Migration ${claimant.migrationId} was taken to something else meanwhile.`);
    }
    const unfinished = await takeUnfinished(client, claimant);
    if (unfinished !== undefined) return unfinished;
    return cutNext(client, claimant, tables);
  });
}

async function cutNext(
  client: pg.ClientBase,
  claimant: Claimant,
  tables: readonly ClaimableTable[],
): Promise<ClaimedRange | 'waiting' | undefined> {
  const frontiers = await readFrontiers(client, claimant.migrationId);
  let waiting = false;
  for (const { table, parent, findRangeEnd } of tables) {
    const { frontier: after, isExhausted } = frontiers.get(table) ?? { frontier: minKey, isExhausted: false };
    if (isExhausted) continue;
    if (parent !== undefined && frontiers.get(parent)?.isDone !== true) {
      waiting = true;
      continue;
    }
    const upto = await findRangeEnd(after);
    if (upto !== undefined) return cutRange(client, claimant, table, after, upto);
    await client.query(
      `insert into ledger.frontiers (migration_id, table_name, source_exhausted) values ($1, $2, true)
       on conflict (migration_id, table_name) do update set source_exhausted = true`,
      [claimant.migrationId, table],
    );
    // One more, to the end of the key space: rows that earlier runs of the kind left there have to be read, too.
    if (after < maxKey) return cutRange(client, claimant, table, after, maxKey);
  }
  return waiting ? 'waiting' : undefined;
}

interface Frontier {
  readonly frontier: bigint;
  readonly isExhausted: boolean;
  /** Cut to its end, and every range done. */
  readonly isDone: boolean;
}

async function readFrontiers(client: pg.ClientBase, migrationId: string): Promise<ReadonlyMap<string, Frontier>> {
  const found = await client.query<{ table: string; frontier: string; exhausted: boolean; done: boolean }>(
    `select table_name as table, frontier, source_exhausted as exhausted,
            source_exhausted and not exists (
              select from ledger.ranges
               where ranges.migration_id = $1 and ranges.table_name = frontiers.table_name and state <> 'done') as done
       from ledger.frontiers where migration_id = $1`,
    [migrationId],
  );
  return new Map(
    found.rows.map((row) => [
      row.table,
      { frontier: BigInt(row.frontier), isExhausted: row.exhausted, isDone: row.done },
    ]),
  );
}

/**
 * Takes every unfinished range of a run away from its lane, and ends the sessions of the workers on the run:
 * afterwards no earlier lane can commit to a range, and no frozen session holds the run's row. For the start of a round of
 * lanes, and before a run ends or is undone. Does nothing once the run has come to a later state.
 */
export async function releaseRanges(cube: pg.Pool, fence: RunStep): Promise<void> {
  const run = `select operation_token from ledger.migrations where id = $1 and ${notLaterSql('$2')}`;
  const claimed = await cube.query<{ token: string }>(
    `select token from ledger.ranges where migration_id = $1 and state = 'claimed' and exists (${run}) union ${run}`,
    runStepValues(fence),
  );
  await endClaimSessions(cube, claimed.rows);
  await cube.query(
    `update ledger.ranges set state = 'open', token = nextval('ledger.claim_tokens')
      where migration_id = $1 and state = 'claimed' and exists (${run})`,
    runStepValues(fence),
  );
}

/**
 * Moves a range's position within the caller's transaction. Throws `claim_lost` when another claim holds the range:
 * the caller's transaction must then not commit.
 */
export async function advanceRange(client: pg.ClientBase, range: ClaimedRange, position: bigint): Promise<void> {
  const done = position >= range.upto;
  const advanced = await client.query(
    `update ledger.ranges
        set position = $3, state = case when $4 then 'done' else state end, finished_at = case when $4 then now() end
      where id = $1 and token = $2 and state = 'claimed'`,
    [range.id, range.token.toString(), position.toString(), done],
  );
  if (advanced.rowCount !== 1) {
    throw new Failure('claim_lost', `Another worker took over the range that starts after id ${range.after}.`);
  }
}

async function endFormerHolders(cube: pg.Pool, claimant: Claimant): Promise<void> {
  const claimed = await cube.query<{ token: string }>(
    "select token from ledger.ranges where migration_id = $1 and lane = $2 and state = 'claimed'",
    [claimant.migrationId, claimant.lane],
  );
  await endClaimSessions(cube, claimed.rows);
}

/** Ends the sessions that write under these claims, those of frozen workers too. */
export async function endClaimSessions(cube: pg.Pool, claimed: readonly { token: string }[]): Promise<void> {
  if (claimed.length === 0) return;
  await inTransaction(cube, async (client) => {
    // A role may be set to become another one at its login; sessions belong to the one that logs in, which may end its own.
    await client.query('set local role none');
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = any($1) and datname = current_database() and usename = session_user`,
      [claimed.map(({ token }) => claimSessionName(fencingToken(token)))],
    );
  });
}

interface RangeRow {
  id: string;
  table_name: string;
  after: string;
  upto: string;
  position: string;
  token: string;
}

async function takeUnfinished(client: pg.ClientBase, claimant: Claimant): Promise<ClaimedRange | undefined> {
  const taken = await client.query<RangeRow>(
    `update ledger.ranges set state = 'claimed', lane = $2, worker = $3, claimed_at = now(), token = nextval('ledger.claim_tokens')
      where id = (
        select id from ledger.ranges
         where migration_id = $1 and (state = 'open' or (state = 'claimed' and lane = $2))
         order by id limit 1)
      returning id, table_name, after, upto, position, token`,
    [claimant.migrationId, claimant.lane, claimant.worker],
  );
  return taken.rows[0] && toRange(taken.rows[0]);
}

async function cutRange(
  client: pg.ClientBase,
  claimant: Claimant,
  table: string,
  after: bigint,
  upto: bigint,
): Promise<ClaimedRange> {
  await client.query(
    `insert into ledger.frontiers (migration_id, table_name, frontier) values ($1, $2, $3)
     on conflict (migration_id, table_name) do update set frontier = excluded.frontier`,
    [claimant.migrationId, table, upto.toString()],
  );
  const cut = await client.query<RangeRow>(
    `insert into ledger.ranges (migration_id, table_name, after, upto, position, state, token, lane, worker)
     values ($1, $2, $3, $4, $3, 'claimed', nextval('ledger.claim_tokens'), $5, $6)
     returning id, table_name, after, upto, position, token`,
    [claimant.migrationId, table, after.toString(), upto.toString(), claimant.lane, claimant.worker],
  );
  const [row] = cut.rows;
  if (row === undefined) throw new Failure('unexpected', 'The ledger did not return the range it was given.');
  return toRange(row);
}

function toRange(row: RangeRow): ClaimedRange {
  return {
    id: row.id,
    table: row.table_name,
    after: BigInt(row.after),
    upto: BigInt(row.upto),
    position: BigInt(row.position),
    token: fencingToken(row.token),
  };
}
