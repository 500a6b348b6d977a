import type pg from 'pg';
import { advanceRange, type ClaimedRange } from '../../../postgres/ledger/ranges.js';
import { recordContents, releaseUnrecorded } from '../../contents/fetch-contents.js';
import type { RowContents } from '../../contents/row-contents.js';
import { LeftOutParents } from '../left-out-parents.js';
import type { ConvertedRow, WithheldRow } from '../row-mapping.js';
import { BatchLog } from './batch-log.js';
import type { CopyContext } from './copy-context.js';
import { type FetchedPage, fetchPage, pageRows, readPage } from './page.js';
import { recordChunk } from './record-chunk.js';
import { payloadOf, RowDataError, refusedByTarget } from './refused-row.js';
import { TargetTransaction, timeOfMove } from './target-transaction.js';

/**
 * As `copyRange`, for a table whose rows name files: rows are read page by page, then the contents of their files are brought into the
 * store, then rows, contents on record and ledger commit together. No transaction and no read stays open while files are read.
 */
export async function copyPages(
  context: CopyContext,
  contents: RowContents,
  range: ClaimedRange,
  writer: pg.Client,
): Promise<void> {
  const { databases, mapping, migrationId, signal } = context;
  const parents = await LeftOutParents.load(databases, migrationId, mapping);
  let position = range.position;
  try {
    while (position < range.upto && !signal.aborted) {
      const span = { kind: 'span', after: position, upto: range.upto, limit: pageRows } as const;
      const { rows, isWhole } = await readPage(databases, mapping, span, `cubeshift copy ${migrationId}`);
      const confirm = (client: pg.ClientBase) => advanceRange(client, range, position);
      const fetching = { ...context.contentAccess, databases, confirm, reach: context.reach };
      const page = await fetchPage(mapping, contents, rows, await timeOfMove(writer), parents, fetching);
      const upto = isWhole || rows.length === 0 ? range.upto : (page.rows.at(-1)?.id ?? range.upto);
      position = await commitPage(context, contents, range, writer, page, position, upto);
      await context.pace(rows.length);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Returns the new position: `upto`. */
async function commitPage(
  context: CopyContext,
  contents: RowContents,
  range: ClaimedRange,
  writer: pg.Client,
  page: FetchedPage,
  from: bigint,
  upto: bigint,
): Promise<bigint> {
  try {
    await commitHalving(context, contents, range, writer, page, from, upto);
    return upto;
  } catch (error) {
    await releaseUnrecorded(context.databases.cube, contents, page.contents, context.contentAccess);
    throw error;
  }
}

/**
 * One transaction, or, when the target refuses a row, two of half the size; a single refused row becomes a reject. Each records the contents
 * of the whole page: one that no row refers to in the end is on record all the same, for the undo to find.
 */
async function commitHalving(
  context: CopyContext,
  contents: RowContents,
  range: ClaimedRange,
  writer: pg.Client,
  page: FetchedPage,
  from: bigint,
  upto: bigint,
): Promise<void> {
  const { mapping, settings, contentAccess } = context;
  const { rows } = page;
  const log = new BatchLog(from, settings);
  for (const row of rows) log.add(row);
  log.close(upto);
  const transaction = await TargetTransaction.begin(writer, mapping);
  try {
    await transaction.write(rows.flatMap((row) => (row.kind === 'row' ? [row.bytes] : [])));
    await transaction.commit(async (client) => {
      await recordContents(client, contents, page.contents, contentAccess);
      await recordChunk(client, context, range, from, upto, log);
    });
  } catch (error) {
    await transaction.abandon();
    if (!(error instanceof RowDataError) || rows.length === 0) throw error;
    const middle = Math.floor(rows.length / 2);
    if (rows.length === 1) {
      const refused = rows.map((row): ConvertedRow | WithheldRow =>
        row.kind === 'withheld'
          ? row
          : { kind: 'reject', id: row.id, payload: payloadOf(mapping, row), ...refusedByTarget(error) },
      );
      return commitHalving(context, contents, range, writer, { ...page, rows: refused }, from, upto);
    }
    const [front, back] = [rows.slice(0, middle), rows.slice(middle)];
    const between = front.at(-1)?.id ?? from;
    await commitHalving(context, contents, range, writer, { ...page, rows: front }, from, between);
    return commitHalving(context, contents, range, writer, { ...page, rows: back }, between, upto);
  }
  context.reach('after-chunk-commit');
  context.onCommit({ position: upto, ...log.totals });
}
