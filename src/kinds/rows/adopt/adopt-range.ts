import type pg from 'pg';
import type { Span } from '../../../domain/migration/range-comparison.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import { logBatches } from '../../../postgres/ledger/batches.js';
import {
  adoptableRows,
  forgetMovedIds,
  movedAmong,
  movedIds,
  movedRowGaps,
} from '../../../postgres/ledger/moved-rows.js';
import { advanceRange, type ClaimedRange } from '../../../postgres/ledger/ranges.js';
import { formerRejectIds } from '../../../postgres/ledger/rejects.js';
import { formerWithheldIds } from '../../../postgres/ledger/withheld.js';
import { type ConfirmClaim, expectUndone } from '../../items-of-rows.js';
import { compareRange, differingRows } from '../compare/range-comparison.js';
import type { CopyContext } from '../copy/copy-context.js';
import { LeftOutParents } from '../left-out-parents.js';
import { expectGone } from '../remaining-rows.js';
import { recopyRows } from '../repair/recopy-rows.js';
import { fieldsOfLegacy } from '../row-mapping.js';

/** Past this share of differing rows a range is quicker copied whole than row by row. */
const maxRecopiedShare = 0.2;

/**
 * Takes over what earlier, cancelled runs of the kind left in a claimed range: compares both sides and moves again only
 * the rows that differ, those that were rejected then, and those that legacy deleted since. True: the range is done.
 * False: too much differs, or nothing was there; the owned rows are gone and the caller copies the range. Rows that
 * no run owns stay where they are.
 */
export async function adoptRange(context: CopyContext, range: ClaimedRange, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId, worker } = context;
  const rest: Span = { after: range.position, upto: range.upto };
  const owned = await atSide('cube', () => movedIds(databases.cube, mapping, rest.after, rest.upto));
  if (owned === '{}') return false;
  const rejected = await formerLeftOut(context, rest);
  // Of the contents of files the verification says whether they are whole: none has read them in this run.
  const compared = mapping.contents === undefined ? mapping : fieldsOfLegacy(mapping);
  const comparison = await compareRange(databases, compared, rest, rejected);
  const max = comparison.sourceRows * maxRecopiedShare;
  // Where the counts alone show too many differences, no row is compared.
  const apart = Math.abs(comparison.targetRows - comparison.sourceRows);
  const differences = comparison.equal || apart > max ? [] : await differingRows(databases, compared, rest, rejected);
  if (apart > max || differences.length > max) {
    await removeOwned(context, range, writer, rest, owned);
    return false;
  }
  const wrong = differences.filter((row) => row.kind !== 'extra').map((row) => row.id);
  const extra = differences.filter((row) => row.kind === 'extra').map((row) => row.id);
  // Rows that legacy deleted since: moving them again takes them out.
  const deleted = await atSide('cube', () => movedAmong(databases.cube, mapping, extra));
  const again = [...new Set([...wrong, ...rejected, ...deleted])].sort((a, b) => (a < b ? -1 : 1));
  const recopied = await recopyRows(
    { ...context, token: range.token, origin: 'copied', confirm: holds(range) },
    writer,
    again,
  );
  // Rows that an earlier run moved and neither side has any more lose their owner.
  const { absent } = await atSide('cube', () => movedRowGaps(writer, mapping, rest));
  await context.itemsOfRows.undo(mapping.table, absent, holds(range));
  const adopted = await atSide('cube', async () => {
    await writer.query('begin');
    await advanceRange(writer, range, range.upto);
    await forgetMovedIds(writer, mapping, absent);
    await expectUndone(context.itemsOfRows, writer, mapping.table, absent);
    const { ids, rows } = await adoptableRows(writer, mapping, migrationId, rest);
    const batch = { ...rest, migrated: rows, rejected: 0, warned: 0, bytes: 0, ids };
    const origin = {
      migrationId,
      kind: mapping.kind,
      table: mapping.table,
      worker,
      token: range.token,
      rangeId: range.id,
      origin: 'adopted' as const,
    };
    await logBatches(writer, origin, [batch]);
    await writer.query('commit');
    return rows;
  });
  context.onCommit({ position: range.upto, migrated: adopted + recopied.migrated, rejected: recopied.rejected });
  return true;
}

/** Moves nothing: confirms the claim of the range within a transaction. */
function holds(range: ClaimedRange): ConfirmClaim {
  return (client) => advanceRange(client, range, range.position);
}

/**
 * Ids that the source may have and the target does not, or must not: those that earlier runs rejected, or withheld with their
 * parents, and those whose parents are rejected by this run.
 */
async function formerLeftOut({ databases, mapping, migrationId }: CopyContext, span: Span): Promise<bigint[]> {
  const { cube, legacy } = databases;
  const { after, upto } = span;
  const rejected = await atSide('cube', () => formerRejectIds(cube, mapping, migrationId, after, upto));
  const parents = await LeftOutParents.load(databases, migrationId, mapping);
  if (parents === undefined) return rejected;
  const withheld = await atSide('cube', () => formerWithheldIds(cube, mapping, migrationId, after, upto));
  const following = await parents.childrenIn(legacy, mapping, span);
  return [...new Set([...rejected, ...withheld, ...following])];
}

async function removeOwned(
  context: CopyContext,
  range: ClaimedRange,
  writer: pg.Client,
  span: Span,
  owned: string,
): Promise<void> {
  const { target } = context.mapping;
  const key = quoteIdentifier(target.key);
  const table = quoteIdentifier(target.schema, target.table);
  await context.itemsOfRows.undo(context.mapping.table, owned, holds(range));
  await atSide('cube', async () => {
    await writer.query('begin');
    await holds(range)(writer);
    const condition = `${key} > $1::bigint and ${key} <= $2::bigint and ${key}::bigint <@ $3::int8multirange`;
    await writer.query(`delete from ${table} where ${condition}`, [span.after.toString(), span.upto.toString(), owned]);
    await expectGone(writer, target, span, owned);
    await forgetMovedIds(writer, context.mapping, owned);
    await expectUndone(context.itemsOfRows, writer, context.mapping.table, owned);
    await writer.query('commit');
  });
}
