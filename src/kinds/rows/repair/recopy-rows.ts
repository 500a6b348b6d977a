import type pg from 'pg';
import { releaseUnrecorded } from '../../contents/fetch-contents.js';
import { payloadOf, RowDataError, refusedByTarget } from '../copy/refused-row.js';
import { LeftOutParents } from '../left-out-parents.js';
import type { ConvertedRow, WithheldRow } from '../row-mapping.js';
import type { RecopyContext } from './recopy-context.js';
import { type Recopied, replaceRows } from './replace-rows.js';
import { type RecopiedPage, readRows } from './rows-to-recopy.js';

/**
 * Moves single rows again: what the target holds under the id leaves and what the source holds now comes, in
 * one transaction a few hundred ids. A row there that no run owns is set aside whole, not deleted. Rejects of these
 * ids end as `migrated` or `gone`, or count another attempt. Rows whose parent is not in the target leave it and follow the
 * parent's reject.
 */
export async function recopyRows(context: RecopyContext, writer: pg.Client, ids: readonly bigint[]): Promise<Recopied> {
  const total = { migrated: 0, rejected: 0, gone: 0 };
  const parents = await LeftOutParents.load(context.databases, context.migrationId, context.mapping);
  // Ascending: the least and the greatest of a part bound what is looked up for it.
  const ascending = [...ids].sort((a, b) => (a < b ? -1 : 1));
  for (let start = 0; start < ascending.length; ) {
    const page = await readRows(context, ascending.slice(start, start + idsAtOnce), writer, parents);
    start += page.ids.length;
    const part = await recopyPage(context, writer, page);
    total.migrated += part.migrated;
    total.rejected += part.rejected;
    total.gone += part.gone;
  }
  return total;
}

const idsAtOnce = 500;

async function recopyPage(context: RecopyContext, writer: pg.Client, page: RecopiedPage): Promise<Recopied> {
  const { contents } = context.mapping;
  try {
    return await recopyHalving(context, writer, page);
  } catch (error) {
    if (contents !== undefined)
      await releaseUnrecorded(context.databases.cube, contents, page.contents, context.contentAccess);
    throw error;
  }
}

/** One transaction, or, when the target refuses a row, two of half the size; a single refused row becomes a reject. */
async function recopyHalving(context: RecopyContext, writer: pg.Client, page: RecopiedPage): Promise<Recopied> {
  const { ids, rows } = page;
  try {
    return await replaceRows(context, writer, page);
  } catch (error) {
    if (!(error instanceof RowDataError)) throw error;
    if (ids.length > 1) {
      const middle = Math.floor(ids.length / 2);
      const first = await recopyHalving(context, writer, partOf(page, ids.slice(0, middle)));
      const second = await recopyHalving(context, writer, partOf(page, ids.slice(middle)));
      return {
        migrated: first.migrated + second.migrated,
        rejected: first.rejected + second.rejected,
        gone: first.gone + second.gone,
      };
    }
    const refused = rows.map((row): ConvertedRow | WithheldRow =>
      row.kind === 'withheld'
        ? row
        : { kind: 'reject', id: row.id, payload: payloadOf(context.mapping, row), ...refusedByTarget(error) },
    );
    return replaceRows(context, writer, { ...page, rows: refused });
  }
}

function partOf(page: RecopiedPage, ids: readonly bigint[]): RecopiedPage {
  const wanted = new Set(ids);
  return { ...page, ids, rows: page.rows.filter(({ id }) => wanted.has(id)) };
}
