import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { maxKey, minKey } from '../../domain/migration/key-range.js';
import type { RangeComparison, Span } from '../../domain/migration/range-comparison.js';
import { rowName } from '../../domain/migration/row-name.js';
import type { RunStep } from '../../domain/migration/run-reference.js';
import { confirmOperation, type OperationClaim } from './operations.js';
import { assertCurrent, currentStepSql, runStepValues } from './run-step.js';

export interface MismatchEntry {
  readonly sourceId: bigint;
  readonly field: string;
  readonly sourceValue: string | null;
  readonly targetValue: string | null;
}

export interface ComparedRange extends Span, RangeComparison {
  readonly rejectedRows: number;
  /** Rows, counted whole, that differ. */
  readonly mismatched: number;
  readonly mismatches: readonly MismatchEntry[];
}

/**
 * Starts a verification of a run, one for each state it is fence for in, however often that is tried; one that was left
 * unfinished by an earlier state is abandoned.
 */
export async function startVerification(cube: pg.Pool, fence: RunStep): Promise<string> {
  const started = await cube.query<{ is_current: boolean; id: string }>(
    `with fence as (${currentStepSql}),
     abandoned as (
       update ledger.verifications set status = 'abandoned', finished_at = now()
        where migration_id = $1 and status = 'running' and ($2::bigint is null or state_sequence is distinct from $2)
          and exists (select from fence)),
     started as (
       insert into ledger.verifications (migration_id, state_sequence) select id, $2 from fence
       on conflict (migration_id, state_sequence) do update set state_sequence = excluded.state_sequence
       returning id)
     select true as is_current, id from started`,
    runStepValues(fence),
  );
  return assertCurrent(started, fence).id;
}

/** Everything of a table up to here is compared and its result committed. */
export async function readVerifiedFrontier(cube: pg.Pool, id: string, table: string): Promise<bigint> {
  const found = await cube.query<{ frontier: string | null }>(
    `select frontier from ledger.verifications
       left join ledger.verified_tables on verification_id = id and table_name = $2 where id = $1`,
    [id, table],
  );
  const [row] = found.rows;
  if (row === undefined) throw new Failure('not_found', `The ledger knows no verification ${id}.`);
  return row.frontier === null ? minKey : BigInt(row.frontier);
}

/** Commits the result of one range of a table, all of it or nothing; refused when another worker took over. */
export async function recordComparedRange(
  client: pg.ClientBase,
  claim: OperationClaim,
  verificationId: string,
  table: string,
  range: ComparedRange,
): Promise<void> {
  await confirmOperation(client, claim);
  await client.query(
    `insert into ledger.verified_ranges
       (verification_id, table_name, after, upto, source_rows, target_rows, rejected_rows, source_digest, target_digest, mismatched)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      verificationId,
      table,
      range.after.toString(),
      range.upto.toString(),
      range.sourceRows,
      range.targetRows,
      range.rejectedRows,
      range.sourceDigest,
      range.targetDigest,
      range.mismatched,
    ],
  );
  await client.query(
    `insert into ledger.verified_tables (verification_id, table_name, frontier) values ($1, $2, $3)
     on conflict (verification_id, table_name) do update set frontier = excluded.frontier`,
    [verificationId, table, range.upto.toString()],
  );
  await client.query(
    `update ledger.verifications
        set compared = compared + $2, source_rows = source_rows + $2, target_rows = target_rows + $3,
            rejected_rows = rejected_rows + $4, mismatched = mismatched + $5
      where id = $1`,
    [verificationId, range.sourceRows, range.targetRows, range.rejectedRows, range.mismatched],
  );
  await recordMismatches(client, verificationId, table, range.mismatches);
}

async function recordMismatches(
  client: pg.ClientBase,
  verificationId: string,
  table: string,
  mismatches: readonly MismatchEntry[],
): Promise<void> {
  if (mismatches.length === 0) return;
  await client.query(
    `insert into ledger.mismatches (verification_id, table_name, source_id, field, source_value, target_value)
     select $1, $2, m.id, m.field, m.source_value, m.target_value
       from unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) as m (id, field, source_value, target_value)`,
    [
      verificationId,
      table,
      mismatches.map((mismatch) => mismatch.sourceId.toString()),
      mismatches.map((mismatch) => mismatch.field),
      mismatches.map((mismatch) => mismatch.sourceValue),
      mismatches.map((mismatch) => mismatch.targetValue),
    ],
  );
}

export interface VerificationVerdict {
  readonly clean: boolean;
  readonly compared: number;
  readonly mismatched: number;
  readonly rejected: number;
  /** At most three, for a sentence; ids as people name rows. */
  readonly examples: readonly { readonly id: string; readonly field: string }[];
  /** What does not add up over the whole tables, in a sentence or several. */
  readonly disagreement?: string;
}

/** What a whole table held at the end. */
export interface TableVerification {
  readonly table: string;
  readonly source: number;
  readonly target: number;
  /** Ids that the ledger owns. */
  readonly owned: number;
  readonly disagreement: string | undefined;
}

/**
 * Ends a verification of all tables of a kind, the main one first, and says how it went: clean when its ranges cover the
 * whole key space of every table, each read equal, and the totals of each agree. One that has ended stays as it ended.
 */
export async function endVerification(
  cube: pg.ClientBase,
  id: string,
  tables: readonly TableVerification[],
): Promise<VerificationVerdict> {
  const names = tables.map(({ table }) => table);
  const disagreements = tables.flatMap(({ disagreement }) => disagreement ?? []);
  await cube.query(
    `update ledger.verified_tables as compared
        set source_total = ended.source, target_total = ended.target, owned_total = ended.owned
       from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) as ended (table_name, source, target, owned)
      where verification_id = $1 and compared.table_name = ended.table_name
        and exists (select from ledger.verifications where id = $1 and finished_at is null)`,
    [
      id,
      names,
      tables.map(({ source }) => source),
      tables.map(({ target }) => target),
      tables.map(({ owned }) => owned),
    ],
  );
  const total = (part: 'source' | 'target' | 'owned') => tables.reduce((sum, table) => sum + table[part], 0);
  await cube.query(
    `update ledger.verifications as run
        set source_total = $2, target_total = $3, owned_total = $4, disagreement = $5, finished_at = now(),
            status = case when mismatched = 0 and $5::text is null
                           and not exists (
                             select from unnest($6::text[]) as kind_table (name)
                              where not exists (
                                select from ledger.verified_tables as compared
                                 where compared.verification_id = run.id and compared.table_name = kind_table.name
                                   and compared.frontier = ${maxKey}))
                           and not exists (
                             select from ledger.verified_ranges as range
                              where range.verification_id = run.id
                                and (range.mismatched > 0 or source_rows <> target_rows or source_digest <> target_digest))
                     then 'clean' else 'mismatch' end
      where id = $1 and finished_at is null`,
    [
      id,
      total('source'),
      total('target'),
      total('owned'),
      disagreements.length === 0 ? null : disagreements.join(' '),
      names,
    ],
  );
  const verdict = await verdictOfEnded(cube, id, names[0] ?? '');
  if (verdict === undefined) throw new Failure('not_found', `The ledger knows no verification ${id} that has ended.`);
  return verdict;
}

/** Keeps a kind's own evidence of a verification that has ended. */
export async function recordEvidence(
  cube: pg.Pool,
  fence: RunStep,
  id: string,
  section: Readonly<Record<string, unknown>>,
): Promise<void> {
  const recorded = await cube.query<{ is_current: boolean }>(
    `with fence as (${currentStepSql})
     update ledger.verifications as run set evidence = $4 from fence
      where run.id = $3 and migration_id = fence.id and finished_at is not null
     returning true as is_current`,
    [...runStepValues(fence), id, JSON.stringify(section)],
  );
  assertCurrent(recorded, fence);
}

/** How a verification went; undefined of one that has not ended. */
export async function verdictOfEnded(
  cube: pg.Pool | pg.ClientBase,
  id: string,
  mainTable: string,
): Promise<VerificationVerdict | undefined> {
  const ended = await cube.query<{
    status: string;
    compared: string;
    mismatched: string;
    rejected_rows: string;
    disagreement: string | null;
  }>(
    `select status, compared, mismatched, rejected_rows, disagreement from ledger.verifications
      where id = $1 and finished_at is not null`,
    [id],
  );
  const [row] = ended.rows;
  if (row === undefined) return undefined;
  const examples = await cube.query<{ table: string; id: string; field: string }>(
    `select table_name as table, source_id as id, field from ledger.mismatches
      where verification_id = $1 order by table_name <> $2, table_name, source_id, field limit 3`,
    [id, mainTable],
  );
  return {
    clean: row.status === 'clean',
    compared: Number(row.compared),
    mismatched: Number(row.mismatched),
    rejected: Number(row.rejected_rows),
    examples: examples.rows.map((example) => ({ id: rowName(example, mainTable), field: example.field })),
    ...(row.disagreement === null ? {} : { disagreement: row.disagreement }),
  };
}
