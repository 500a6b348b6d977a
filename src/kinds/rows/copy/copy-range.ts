import type pg from 'pg';
import { dropConnection } from '../../../postgres/databases.js';
import type { ClaimedRange } from '../../../postgres/ledger/ranges.js';
import { LeftOutParents } from '../left-out-parents.js';
import { Chunk, type Progress } from './chunk.js';
import type { CopyContext } from './copy-context.js';
import { readConverted } from './read-converted.js';
import { RowDataError } from './refused-row.js';
import { timeOfMove } from './target-transaction.js';

/**
 * Copies a claimed range from its position on, transaction by transaction: rows, rejects, batches and the new position
 * commit together. Returns when the range is done or `signal` is aborted; either way everything reported to `onCommit` is
 * there to stay. A row that the target refuses is found by halving the transaction, and becomes a reject.
 * `writer` must carry the claim's session name.
 */
export async function copyRange(context: CopyContext, range: ClaimedRange, writer: pg.Client): Promise<void> {
  const progress: Progress = { position: range.position, rowLimit: context.settings.commitRows };
  const parents = await LeftOutParents.load(context.databases, context.migrationId, context.mapping);
  while (progress.position < range.upto && !context.signal.aborted) {
    await copyUntilRowDataError(context, range, writer, progress, parents);
  }
}

/** One pass over the rest of the range; ends early at a refusal, with the row limit halved, or when stopped. */
async function copyUntilRowDataError(
  context: CopyContext,
  range: ClaimedRange,
  writer: pg.Client,
  progress: Progress,
  parents: LeftOutParents | undefined,
): Promise<void> {
  const { databases, mapping, signal } = context;
  const reader = await databases.connect('legacy', `cubeshift copy ${context.migrationId}`);
  // A read that hangs would outlast a pause: with its connection gone the loop below ends.
  const giveUp = () => setTimeout(() => void dropConnection(reader), stopGraceMillis).unref();
  signal.addEventListener('abort', giveUp, { once: true });
  let chunk: Chunk | undefined;
  try {
    const movedAt = await timeOfMove(writer);
    chunk = await Chunk.begin(context, range, writer, progress);
    const span = { kind: 'span', after: progress.position, upto: range.upto } as const;
    const rows = readConverted(reader, mapping, span, movedAt, parents);
    for await (const group of rows) {
      for (const row of group) {
        chunk.add(row);
        if (chunk.full) {
          await chunk.commit(chunk.position);
          // A range that is done has no owner any more: one more commit would find its claim gone.
          if (signal.aborted || progress.position >= range.upto) return;
          chunk = await Chunk.begin(context, range, writer, progress);
        }
      }
      await chunk.flush();
      await context.pace(group.length);
      if (signal.aborted) {
        await chunk.commit(chunk.position);
        return;
      }
    }
    await chunk.commit(range.upto);
  } catch (error) {
    await chunk?.abandon();
    if (error instanceof RowDataError && chunk !== undefined) await chunk.halveOrReject(error);
    else if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
    await dropConnection(reader);
  }
}

const stopGraceMillis = 700;
