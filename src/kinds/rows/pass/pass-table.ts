import type pg from 'pg';
import { maxKey, minKey } from '../../../domain/migration/key-range.js';
import type { Span, SpanAsOf } from '../../../domain/migration/range-comparison.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmOperation } from '../../../postgres/ledger/operations.js';
import {
  type PassedRange,
  passedRangeAt,
  recordPassedRange,
  type SourceState,
} from '../../../postgres/ledger/passed-ranges.js';
import { refusedAsRepeated } from '../../../postgres/ledger/selected-rejects.js';
import { type LeftOut, rowsLeftOut } from '../compare/left-out.js';
import { compareRange, differingRows, sourceDigest } from '../compare/range-comparison.js';
import { recheckRejects } from '../compare/reject-recheck.js';
import { LeftOutParents } from '../left-out-parents.js';
import { rangeEnds } from '../range-ends.js';
import { type FollowContext, moveReleasedRows, withholdChildren } from '../repair/follow-parents.js';
import { recopyRows } from '../repair/recopy-rows.js';
import type { RepairContext } from '../repair/repair.js';
import { takeOut } from '../repair/take-out.js';
import { fieldsOfLegacy } from '../row-mapping.js';
import { setHorizons } from './horizon.js';

interface PassContext extends FollowContext {
  readonly horizon: bigint;
  /** Ids of a span whose rows are as they were, and what they name outside the databases is not. */
  readonly changedOutside: (span: Span) => Promise<readonly bigint[]>;
}

const rowsAtOnce = 25_000;
/** A range that legacy changes again and again while it is passed over is left for the next pass. */
const maxReads = 3;
/** No digest equals it: the next pass compares the range again. */
const unsettled: SourceState = { rows: -1, digest: '' };

/**
 * Passes over every table, parents before their children, since these follow what became of them. True when all was passed over, false
 * when stopped before.
 */
export async function passTables(context: RepairContext, writer: pg.Client): Promise<boolean> {
  const horizons = await setHorizons(context, writer);
  for (const mapping of context.tables) {
    const passed = await passTable(
      {
        ...context,
        mapping,
        horizon: horizons.get(mapping.table) ?? maxKey,
        token: context.claim.token,
        origin: 'passed',
        confirm: (client) => confirmOperation(client, context.claim),
        changedOutside: async (span) =>
          (await mapping.contents?.changedIn(span, { ...context.contentAccess, databases: context.databases })) ?? [],
      },
      writer,
    );
    if (!passed) return false;
  }
  return true;
}

/**
 * Moves again what legacy has changed since the last pass, and takes out what it has deleted: of the ranges whose digest in legacy is
 * another than the one on record, the rows that differ. What only the cube changed stays, for a verification to find. True when the whole
 * table was passed over, false when stopped before.
 */
async function passTable(context: PassContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId, signal, horizon } = context;
  if (!(await moveReleasedRows(context, writer)) || !(await withholdChildren(context, writer))) return false;
  const parents = await LeftOutParents.load(databases, migrationId, mapping);
  const endInLegacy = rangeEnds(databases, mapping, 'legacy', rowsAtOnce);
  for (let after = minKey; after < maxKey; ) {
    if (signal.aborted) return false;
    const range = await atSide('cube', () => passedRangeAt(databases.cube, migrationId, mapping.table, after));
    if (await isAsItWas(context, range, parents)) {
      context.onRange({ position: range.upto, rows: 0 });
      after = range.upto;
      continue;
    }
    while (after < range.upto) {
      if (signal.aborted) return false;
      const end = await endInLegacy(after);
      // The last piece reaches to the end of the range, so that rows which are added later make no range of their own.
      const isLast = end === undefined || end >= range.upto || end >= horizon || (await endInLegacy(end)) === undefined;
      const span = { after, upto: isLast ? range.upto : end, horizon };
      const moved = await passSpan(context, writer, span, range.source !== undefined, parents);
      context.onRange({ position: span.upto, rows: moved });
      after = span.upto;
    }
  }
  return retryConflicts(context, writer);
}

/**
 * A row that took over a unique value of another one, as a path, was refused while that one still had it in the cube: by now it was passed
 * over, too.
 */
async function retryConflicts(context: PassContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId, signal } = context;
  for (let after = minKey; ; ) {
    if (signal.aborted) return false;
    const ids = await atSide('cube', () => refusedAsRepeated(databases.cube, migrationId, mapping.table, after));
    const last = ids.at(-1);
    if (last === undefined) return true;
    await recopyRows(context, writer, ids);
    context.onRange({ position: last, rows: ids.length });
    after = last;
  }
}

async function isAsItWas(
  context: PassContext,
  range: PassedRange,
  parents: LeftOutParents | undefined,
): Promise<boolean> {
  if (range.source === undefined) return false;
  const { databases, mapping, migrationId, horizon } = context;
  const span = { ...range, horizon };
  const leftOut = await rowsLeftOut(databases, migrationId, mapping, span, parents);
  const now = await sourceDigest(databases, fieldsOfLegacy(mapping), span, leftOut.ids);
  if (now.rows !== range.source.rows || now.digest !== range.source.digest) return false;
  const gone = await goneRejects(context, leftOut);
  return gone.length === 0 && (await context.changedOutside(range)).length === 0;
}

/** Returns how many rows were moved again or taken out. */
async function passSpan(
  context: PassContext,
  writer: pg.Client,
  span: SpanAsOf,
  wasOnRecord: boolean,
  parents: LeftOutParents | undefined,
): Promise<number> {
  const { databases, mapping, migrationId } = context;
  const ofLegacy = fieldsOfLegacy(mapping);
  const outside = await context.changedOutside(span);
  let changed = 0;
  for (let reads = 1; ; reads++) {
    const leftOut = await rowsLeftOut(databases, migrationId, mapping, span, parents);
    const compared = await compareRange(databases, ofLegacy, span, leftOut.ids);
    const gone = await goneRejects(context, leftOut);
    const stale = reads === 1 ? outside : [];
    if (compared.equal && gone.length === 0 && stale.length === 0) {
      const source = { rows: compared.sourceRows, digest: compared.sourceDigest };
      await record(context, writer, span, source, wasOnRecord);
      return changed;
    }
    if (reads > maxReads) {
      await record(context, writer, span, unsettled, true);
      return changed;
    }
    changed += await moveDifferences(context, writer, span, leftOut, [...gone, ...stale]);
  }
}

async function moveDifferences(
  context: PassContext,
  writer: pg.Client,
  span: SpanAsOf,
  leftOut: LeftOut,
  others: readonly bigint[],
): Promise<number> {
  const { databases, mapping } = context;
  const differences = await differingRows(databases, fieldsOfLegacy(mapping), span, leftOut.ids);
  // Which of two rows of one id to move cannot be decided: the verification reports them.
  const wrong = differences.filter(({ kind }) => kind === 'missing' || kind === 'changed').map(({ id }) => id);
  const again = new Set([...wrong, ...others]);
  const extra = differences.filter(({ id, kind }) => kind === 'extra' && !again.has(id)).map(({ id }) => id);
  await context.itemsOfRows.reopen(mapping.table, [...again], context.confirm);
  await recopyRows(context, writer, [...again]);
  if (extra.length > 0) await takeOut(context, writer, extra);
  return again.size + extra.length;
}

/** Rejects, and rows that follow one, that the source has no more. */
async function goneRejects({ databases, mapping }: PassContext, { rejected, withheld }: LeftOut): Promise<bigint[]> {
  const { missing } = await recheckRejects(databases, mapping, [...rejected, ...withheld]);
  return [...missing];
}

async function record(
  { mapping, migrationId, confirm }: PassContext,
  writer: pg.Client,
  span: Span,
  source: SourceState,
  changed: boolean,
): Promise<void> {
  await atSide('cube', async () => {
    await writer.query('begin');
    await confirm(writer);
    await recordPassedRange(writer, { migrationId, table: mapping.table }, span, source, changed);
    await writer.query('commit');
  });
}
