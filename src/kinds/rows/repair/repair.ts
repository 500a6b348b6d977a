import type pg from 'pg';
import { maxKey, minKey } from '../../../domain/migration/key-range.js';
import type { Span } from '../../../domain/migration/range-comparison.js';
import { atSide } from '../../../postgres/databases.js';
import { logBatches } from '../../../postgres/ledger/batches.js';
import { forgetMovedIds, movedRowGaps } from '../../../postgres/ledger/moved-rows.js';
import {
  beginOperation,
  countOutcomes,
  finishOperation,
  type OperationResult,
} from '../../../postgres/ledger/operation-results.js';
import { confirmOperation, type OperationClaim } from '../../../postgres/ledger/operations.js';
import { expectUndone } from '../../items-of-rows.js';
import { type LeftOut, rowsLeftOut } from '../compare/left-out.js';
import { differingRows, type RowDifference } from '../compare/range-comparison.js';
import { LeftOutParents } from '../left-out-parents.js';
import { rangeEnds } from '../range-ends.js';
import type { RowMapping, RowTables } from '../row-mapping.js';
import { type FollowContext, moveReleasedRows, withholdChildren } from './follow-parents.js';
import type { RecopiedRows, RecopyContext } from './recopy-context.js';
import { recopyRows } from './recopy-rows.js';
import { takeOut } from './take-out.js';

export interface RepairContext extends Omit<RecopyContext, 'confirm' | 'token' | 'origin' | 'mapping'> {
  readonly tables: RowTables;
  readonly claim: OperationClaim;
  readonly signal: AbortSignal;
  readonly onRange: (repaired: { position: bigint; rows: number }) => void;
}

/**
 * Makes the target equal to the source again in every range that the latest verification found different: rows that
 * differ or are missing are moved again, rows that the source does not have leave (deleted when a run of ours put them
 * there, set aside in the ledger when not). Children follow what became of their parents. Then ledger and target are made to
 * agree about what is ours. True when all of it was worked on, false when stopped before.
 */
export async function repairTables(context: RepairContext, writer: pg.Client): Promise<boolean> {
  const { databases, migrationId, claim } = context;
  const result = await atSide('cube', () => beginOperation(writer, claim, 'repair'));
  if (result.isFinished) return true;
  const needsMovedRows = !(await atSide('cube', () => addsUp(databases.cube, migrationId)));
  for (const mapping of context.tables) {
    const recopy: FollowContext = {
      ...context,
      mapping,
      token: claim.token,
      origin: 'repaired',
      confirm: (client) => confirmOperation(client, claim),
    };
    const finished =
      (await moveReleasedRows({ ...recopy, ...countingChildren(recopy, result) }, writer)) &&
      (await withholdChildren({ ...recopy, ...countingChildren(recopy, result) }, writer)) &&
      (await repairRanges(recopy, result, writer)) &&
      (!needsMovedRows || (await repairMovedRows(recopy, result, writer)));
    if (!finished) return false;
  }
  await atSide('cube', () => finishOperation(writer, result));
  return true;
}

function countingChildren({ mapping: { table } }: FollowContext, result: OperationResult) {
  return {
    count: (client: pg.ClientBase, { moved, withheld, rejects, gone, setAside }: RecopiedRows) =>
      countOutcomes(client, result, table, {
        children_moved: moved.length,
        children_withheld: withheld.length,
        children_rejected: rejects.length,
        children_gone: gone.length,
        set_aside: setAside,
      }),
  };
}

async function repairRanges(context: FollowContext, result: OperationResult, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  const parents = await LeftOutParents.load(databases, migrationId, mapping);
  for (;;) {
    if (context.signal.aborted) return false;
    const span = await atSide('cube', () => nextDamagedRange(databases.cube, migrationId, mapping.table));
    if (span === undefined) return true;
    const leftOut = await rowsLeftOut(databases, migrationId, mapping, span, parents);
    const differences = await differingRows(databases, mapping, span, leftOut.ids);
    const wrong = differences.filter((row) => row.kind !== 'extra').map((row) => row.id);
    await context.itemsOfRows.reopen(
      mapping.table,
      differences.map(({ id }) => id),
      context.confirm,
    );
    // Rows that are left out are checked too: one that vanished from the source no longer counts.
    const again = new Set([...wrong, ...leftOut.ids, ...leftOut.withheld]);
    await recopyRows({ ...context, ...countingDifferences(mapping, result, differences, leftOut) }, writer, [...again]);
    // One of those that was in the target was just moved again, or taken out.
    const extra = differences.filter((row) => row.kind === 'extra' && !again.has(row.id)).map((row) => row.id);
    await takeOut(context, writer, extra, async (client, { setAside }) => {
      await countOutcomes(client, result, mapping.table, { extra: extra.length, set_aside: setAside });
      await client.query(
        `update ledger.verified_ranges set repaired_at = now()
          where verification_id = $1 and table_name = $2 and after = $3`,
        [span.verificationId, mapping.table, span.after.toString()],
      );
    });
    context.onRange({ position: span.upto, rows: differences.length });
  }
}

const outcomeOf = { missing: 'missing', changed: 'different', extra: 'extra', repeated: 'repeated' } as const;

/** Counts rows of a span that are moved again by how they differed; those that did not are rejects and rows that follow one. */
function countingDifferences(
  { table }: RowMapping,
  result: OperationResult,
  differences: readonly RowDifference[],
  leftOut: LeftOut,
) {
  const kinds = new Map(differences.map(({ id, kind }) => [id, kind]));
  const rejected = new Set(leftOut.rejected);
  const withheld = new Set(leftOut.withheld);
  return {
    count: async (client: pg.ClientBase, { ids, moved, rejects, gone, setAside }: RecopiedRows) => {
      const differing = { missing: 0, different: 0, extra: 0, repeated: 0 };
      const leftOutRows = {
        rejects_moved: 0,
        rejects_gone: 0,
        children_moved: 0,
        children_rejected: 0,
        children_gone: 0,
      };
      for (const id of ids) {
        const kind = kinds.get(id);
        if (kind !== undefined) differing[outcomeOf[kind]]++;
      }
      for (const id of moved) {
        if (!kinds.has(id)) leftOutRows[rejected.has(id) ? 'rejects_moved' : 'children_moved']++;
      }
      for (const id of gone) {
        if (!kinds.has(id)) leftOutRows[rejected.has(id) ? 'rejects_gone' : 'children_gone']++;
      }
      for (const { sourceId } of rejects) {
        if (!kinds.has(sourceId) && withheld.has(sourceId)) leftOutRows.children_rejected++;
      }
      // One that is in the target although it is a reject is extra there.
      const became = rejects.filter(({ sourceId }) => kinds.has(sourceId) && kinds.get(sourceId) !== 'extra');
      const rows = { ...differing, ...leftOutRows };
      await countOutcomes(client, result, table, { ...rows, rejected: became.length, set_aside: setAside });
    },
  };
}

/** Whether the latest verification found as many rows on both sides, and in the ledger. */
async function addsUp(cube: pg.Pool, migrationId: string): Promise<boolean> {
  const found = await cube.query<{ adds_up: boolean }>(
    'select disagreement is null as adds_up from ledger.verifications where migration_id = $1 order by id desc limit 1',
    [migrationId],
  );
  return found.rows[0]?.adds_up ?? true;
}

const rowsAtOnce = 25_000;

/**
 * Rows that no run owns are moved again, or set aside where the source has none; ids whose rows are gone lose their owner.
 * Contents may be equal meanwhile, and a rollback would still leave the one and miss the other.
 */
async function repairMovedRows(context: FollowContext, result: OperationResult, writer: pg.Client): Promise<boolean> {
  const { claim } = result;
  const { databases, mapping, migrationId, worker } = context;
  const findRangeEnd = rangeEnds(databases, mapping, 'cube', rowsAtOnce);
  let after = minKey;
  while (after < maxKey) {
    if (context.signal.aborted) return false;
    const upto: bigint = (await findRangeEnd(after)) ?? maxKey;
    const span: Span = { after, upto };
    const gaps = await atSide('cube', () => movedRowGaps(writer, mapping, span));
    await context.itemsOfRows.reopen(mapping.table, gaps.foreign, context.confirm);
    await recopyRows({ ...context, ...countingUnrecorded(mapping, result) }, writer, gaps.foreign);
    if (gaps.absentIds > 0) {
      await context.itemsOfRows.undo(mapping.table, gaps.absent, context.confirm);
      await atSide('cube', async () => {
        await writer.query('begin');
        await confirmOperation(writer, claim);
        await forgetMovedIds(writer, mapping, gaps.absent);
        await expectUndone(context.itemsOfRows, writer, mapping.table, gaps.absent);
        await countOutcomes(writer, result, mapping.table, { absent: gaps.absentIds });
        const batch = { ...span, migrated: -gaps.absentIds, rejected: 0, warned: 0, bytes: 0, ids: '{}' };
        const { kind, table } = mapping;
        const origin = { migrationId, kind, table, worker, token: claim.token, rangeId: null };
        await logBatches(writer, { ...origin, origin: 'repaired' }, [batch]);
        await writer.query('commit');
      });
    }
    context.onRange({ position: upto, rows: gaps.foreign.length });
    after = upto;
  }
  return true;
}

function countingUnrecorded({ table }: RowMapping, result: OperationResult) {
  return {
    count: (client: pg.ClientBase, { ids, rejects, setAside }: RecopiedRows) =>
      countOutcomes(client, result, table, {
        unrecorded: ids.length,
        rejected: rejects.length,
        set_aside: setAside,
      }),
  };
}

async function nextDamagedRange(
  cube: pg.Pool,
  migrationId: string,
  table: string,
): Promise<(Span & { verificationId: string }) | undefined> {
  const found = await cube.query<{ verification_id: string; after: string; upto: string }>(
    `select verification_id, after, upto from ledger.verified_ranges
      where verification_id = (select max(id) from ledger.verifications where migration_id = $1)
        and table_name = $2 and mismatched > 0 and repaired_at is null
      order by after limit 1`,
    [migrationId, table],
  );
  const [row] = found.rows;
  return row && { verificationId: row.verification_id, after: BigInt(row.after), upto: BigInt(row.upto) };
}
