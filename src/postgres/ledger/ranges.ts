import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { maxKey } from '../../domain/migration/key-range.js';
import { inTransaction } from '../connect.js';
import { fenceValues, notLaterSql, type RunStepFence } from './step-fence.js';

/**
 * A piece of the source's key space that one lane works on: ids in (after, upto]; those in (after, position] are
 * committed. Only the holder of the newest token may commit to it.
 */
export interface ClaimedRange {
  readonly id: string;
  readonly after: bigint;
  readonly upto: bigint;
  readonly position: bigint;
  readonly token: bigint;
}

export interface Claimant extends RunStepFence {
  readonly lane: number;
  readonly worker: string;
}

/** Finds the last id of the next `rows` source rows after an id; undefined when there are none. */
export type FindRangeEnd = (after: bigint) => Promise<bigint | undefined>;

/** The name under which a session writes for a claim; a later claim ends the sessions of an earlier one by it. */
export function claimSessionName(token: bigint): string {
  return `cubeshift claim ${token}`;
}

/**
 * The next range for a lane, under a new token: first one that the lane held before it died or that nobody holds, then
 * a new one cut from the source behind the frontier. Undefined when nothing is left for this lane.
 * A former holder that still lives (frozen, or cut off) loses its sessions here, so that it can neither commit nor block.
 * Throws `claim_lost` once the run is not at work any more: a lane frozen before its claim must not copy into what has
 * been undone meanwhile.
 */
export async function claimRange(
  cube: pg.Pool,
  claimant: Claimant,
  findRangeEnd: FindRangeEnd,
): Promise<ClaimedRange | undefined> {
  await endFormerHolders(cube, claimant);
  return inTransaction(cube, async (client) => {
    // A worker frozen between two statements must not hold the frontier for longer than this.
    await client.query("set local idle_in_transaction_session_timeout = '15s'");
    const migration = await client.query<{ frontier: string; source_exhausted: boolean; at_work: boolean }>(
      `select frontier, source_exhausted, status = 'running' and stage not in ('rolling_back', 'done') and ${notLaterSql('$2')} as at_work
         from ledger.migrations where id = $1 for update`,
      fenceValues(claimant),
    );
    const run = migration.rows[0];
    if (run === undefined) throw new Failure('not_found', `The ledger knows no migration ${claimant.migrationId}.`);
    if (!run.at_work) {
      throw new Failure('claim_lost', `Migration ${claimant.migrationId} was taken to something else meanwhile.`);
    }
    const unfinished = await takeUnfinished(client, claimant);
    if (unfinished !== undefined) return unfinished;
    if (run.source_exhausted) return undefined;
    const after = BigInt(run.frontier);
    const upto = await findRangeEnd(after);
    if (upto !== undefined) return cutRange(client, claimant, after, upto);
    await client.query('update ledger.migrations set source_exhausted = true where id = $1', [claimant.migrationId]);
    // One more, to the end of the key space: what earlier runs of the kind left there has to be looked at, too.
    return after < maxKey ? cutRange(client, claimant, after, maxKey) : undefined;
  });
}

/**
 * Takes every unfinished range of a run away from whoever holds it, and ends the sessions of whoever works on the run:
 * nobody can commit to a range afterwards, and nobody who is frozen holds the run's row. For the start of a round of
 * lanes, and before a run ends or is undone. Does nothing once the run has come to a later state.
 */
export async function releaseRanges(cube: pg.Pool, asked: RunStepFence): Promise<void> {
  const run = `select operation_token from ledger.migrations where id = $1 and ${notLaterSql('$2')}`;
  const held = await cube.query<{ token: string }>(
    `select token from ledger.ranges where migration_id = $1 and state = 'claimed' and exists (${run}) union ${run}`,
    fenceValues(asked),
  );
  await endClaimSessions(cube, held.rows);
  await cube.query(
    `update ledger.ranges set state = 'open', token = nextval('ledger.claim_tokens')
      where migration_id = $1 and state = 'claimed' and exists (${run})`,
    fenceValues(asked),
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
  const held = await cube.query<{ token: string }>(
    "select token from ledger.ranges where migration_id = $1 and lane = $2 and state = 'claimed'",
    [claimant.migrationId, claimant.lane],
  );
  await endClaimSessions(cube, held.rows);
}

/** Ends the sessions that write for these claims, whoever froze with them. */
export async function endClaimSessions(cube: pg.Pool, held: readonly { token: string }[]): Promise<void> {
  if (held.length === 0) return;
  await inTransaction(cube, async (client) => {
    // A role may be set to become another one at its login; sessions belong to the one that logs in, which may end its own.
    await client.query('set local role none');
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = any($1) and datname = current_database() and usename = session_user`,
      [held.map(({ token }) => claimSessionName(BigInt(token)))],
    );
  });
}

interface RangeRow {
  id: string;
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
      returning id, after, upto, position, token`,
    [claimant.migrationId, claimant.lane, claimant.worker],
  );
  return taken.rows[0] && toRange(taken.rows[0]);
}

async function cutRange(client: pg.ClientBase, claimant: Claimant, after: bigint, upto: bigint): Promise<ClaimedRange> {
  await client.query('update ledger.migrations set frontier = $2 where id = $1', [
    claimant.migrationId,
    upto.toString(),
  ]);
  const cut = await client.query<RangeRow>(
    `insert into ledger.ranges (migration_id, after, upto, position, state, token, lane, worker)
     values ($1, $2, $3, $2, 'claimed', nextval('ledger.claim_tokens'), $4, $5)
     returning id, after, upto, position, token`,
    [claimant.migrationId, after.toString(), upto.toString(), claimant.lane, claimant.worker],
  );
  const [row] = cut.rows;
  if (row === undefined) throw new Failure('unexpected', 'The ledger did not return the range it was given.');
  return toRange(row);
}

function toRange(row: RangeRow): ClaimedRange {
  return {
    id: row.id,
    after: BigInt(row.after),
    upto: BigInt(row.upto),
    position: BigInt(row.position),
    token: BigInt(row.token),
  };
}
