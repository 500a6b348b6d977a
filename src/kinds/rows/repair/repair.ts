import type pg from 'pg';
import { maxKey, minKey } from '../../../domain/migration/key-range.js';
import type { Span } from '../../../domain/migration/range-comparison.js';
import { atSide } from '../../../postgres/databases.js';
import { logBatches, logRemovedIds } from '../../../postgres/ledger/batches.js';
import { disownIds, ownershipGaps } from '../../../postgres/ledger/moved-rows.js';
import { confirmOperation, type OperationClaim } from '../../../postgres/ledger/operations.js';
import { unresolvedRejectIds } from '../../../postgres/ledger/rejects.js';
import { differingRows } from '../compare/range-comparison.js';
import { rangeEnds } from '../range-ends.js';
import { clearTargetRows, expectCleared, type RecopyContext, recopyRows } from './recopy-rows.js';

export interface RepairContext extends Omit<RecopyContext, 'confirm' | 'token' | 'origin'> {
  readonly claim: OperationClaim;
  readonly signal: AbortSignal;
  readonly onRange: (repaired: { position: bigint; rows: number }) => void;
}

/**
 * Makes the target equal to the source again in every range that the latest verification found different: rows that
 * differ or are missing are moved again, rows that the source does not have leave (deleted when a run of ours put them
 * there, set aside in the ledger when not). Then it makes ledger and target agree about what is ours. True when all of it
 * was worked on, false when told to stop before.
 */
export async function repairRanges(context: RepairContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId, claim } = context;
  const recopy: RecopyContext = {
    ...context,
    token: claim.token,
    origin: 'repaired',
    confirm: (client) => confirmOperation(client, claim),
  };
  for (;;) {
    if (context.signal.aborted) return false;
    const span = await atSide('cube', () => nextDamagedRange(databases.cube, migrationId));
    if (span === undefined) break;
    const rejected = await atSide('cube', () =>
      unresolvedRejectIds(databases.cube, migrationId, span.after, span.upto),
    );
    const differences = await differingRows(databases, mapping, span, rejected);
    const wrong = differences.filter((row) => row.kind !== 'extra').map((row) => row.id);
    // Rejected rows are looked at too: one that vanished from the source no longer counts.
    await recopyRows(recopy, writer, [...wrong, ...rejected]);
    // A rejected row that stood in the target was just moved again, or taken out.
    const movedAgain = new Set(rejected);
    const extra = differences.filter((row) => row.kind === 'extra' && !movedAgain.has(row.id)).map((row) => row.id);
    await atSide('cube', async () => {
      await writer.query('begin');
      await confirmOperation(writer, claim);
      const taken = await clearTargetRows(writer, mapping, migrationId, extra);
      await expectCleared(writer, mapping, extra);
      await logRemovedIds(
        writer,
        {
          migrationId,
          kind: mapping.kind,
          worker: context.worker,
          token: claim.token,
          rangeId: null,
          origin: 'repaired',
        },
        extra,
        taken,
      );
      await writer.query(
        `update ledger.verified_ranges set repaired_at = now() where verification_id = $1 and after = $2`,
        [span.verificationId, span.after.toString()],
      );
      await writer.query('commit');
    });
    context.onRange({ position: span.upto, rows: differences.length });
  }
  return (await atSide('cube', () => addsUp(databases.cube, migrationId))) || repairOwnership(context, recopy, writer);
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
 * Rows that no run owns are moved again, or set aside where the source has none; ids whose rows are gone are nobody's.
 * Contents may be equal meanwhile, and a rollback would still leave the one and miss the other.
 */
async function repairOwnership(context: RepairContext, recopy: RecopyContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId, claim, worker } = context;
  const findRangeEnd = rangeEnds(databases, mapping, 'cube', rowsAtOnce);
  let after = minKey;
  while (after < maxKey) {
    if (context.signal.aborted) return false;
    const upto: bigint = (await findRangeEnd(after)) ?? maxKey;
    const span: Span = { after, upto };
    const gaps = await atSide('cube', () => ownershipGaps(writer, mapping.kind, mapping.target, span));
    await recopyRows(recopy, writer, gaps.foreign);
    if (gaps.absentIds > 0) {
      await atSide('cube', async () => {
        await writer.query('begin');
        await confirmOperation(writer, claim);
        await disownIds(writer, mapping.kind, gaps.absent);
        const batch = { ...span, migrated: -gaps.absentIds, rejected: 0, warned: 0, bytes: 0, ids: '{}' };
        const origin = { migrationId, kind: mapping.kind, worker, token: claim.token, rangeId: null };
        await logBatches(writer, { ...origin, origin: 'repaired' }, [batch]);
        await writer.query('commit');
      });
    }
    context.onRange({ position: upto, rows: gaps.foreign.length });
    after = upto;
  }
  return true;
}

async function nextDamagedRange(
  cube: pg.Pool,
  migrationId: string,
): Promise<(Span & { verificationId: string }) | undefined> {
  const found = await cube.query<{ verification_id: string; after: string; upto: string }>(
    `select verification_id, after, upto from ledger.verified_ranges
      where verification_id = (select max(id) from ledger.verifications where migration_id = $1)
        and mismatched > 0 and repaired_at is null
      order by after limit 1`,
    [migrationId],
  );
  const [row] = found.rows;
  return row && { verificationId: row.verification_id, after: BigInt(row.after), upto: BigInt(row.upto) };
}
