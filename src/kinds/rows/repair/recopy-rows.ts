import type pg from 'pg';
import type { ReachCrashPoint } from '../../../base/crash-points.js';
import type { FencingToken } from '../../../domain/migration/fencing-token.js';
import { minKey } from '../../../domain/migration/key-range.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { type Databases, dropConnection } from '../../../postgres/databases.js';
import { type BatchOrigin, IdRuns, logBatches, logRemovedIds } from '../../../postgres/ledger/batches.js';
import { forgetMovedIds, movedIds } from '../../../postgres/ledger/moved-rows.js';
import { type RejectEntry, recordRejects, resolveRejects } from '../../../postgres/ledger/rejects.js';
import { recordWithheld, releaseWithheld } from '../../../postgres/ledger/withheld.js';
import { recordContents, releaseUnrecorded } from '../../contents/fetch-contents.js';
import type { ContentAccess } from '../../contents/row-contents.js';
import { type ConfirmClaim, expectUndone, type ItemsOfRows } from '../../items-of-rows.js';
import { BatchLog } from '../copy/batch-log.js';
import type { CopySettings } from '../copy/copy-context.js';
import { type FetchedPage, fetchPage, readPage } from '../copy/page.js';
import { readConverted } from '../copy/read-converted.js';
import { payloadOf, RowDataError, refusedByTarget } from '../copy/refused-row.js';
import { TargetTransaction, timeOfMove } from '../copy/target-transaction.js';
import { LeftOutParents } from '../left-out-parents.js';
import { expectGone } from '../remaining-rows.js';
import type { ConvertedRow, RowMapping, WithheldRow } from '../row-mapping.js';
import { rowShape } from './set-aside.js';

export interface RecopyContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly settings: CopySettings;
  readonly migrationId: string;
  readonly worker: string;
  readonly token: FencingToken;
  readonly origin: BatchOrigin;
  /** Throws within the transaction when another worker took over the work. */
  readonly confirm: ConfirmClaim;
  /** Counts what a transaction does with its rows, within it, before their rejects are recorded; left out where nothing is counted. */
  readonly count?: (client: pg.ClientBase, rows: RecopiedRows) => Promise<void>;
  readonly reach: ReachCrashPoint;
  readonly itemsOfRows: ItemsOfRows;
  /** Of the contents of a table whose rows name files. */
  readonly contentAccess: ContentAccess;
}

/** What became of the rows of one transaction. */
export interface RecopiedRows {
  readonly ids: readonly bigint[];
  readonly moved: readonly bigint[];
  readonly rejects: readonly RejectEntry[];
  /** Ids of rows that follow a reject of their parent. */
  readonly withheld: readonly bigint[];
  /** Ids that the source no longer has. */
  readonly gone: readonly bigint[];
  /** How many rows of the target that no run had put there were set aside. */
  readonly setAside: number;
}

export interface Recopied {
  readonly migrated: number;
  /** Rejects, and rows that follow one. */
  readonly rejected: number;
  /** Ids that the source no longer has. */
  readonly gone: number;
}

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

/** Rows that are moved again in one transaction, or refused; `ids` are ascending, of those that the source no longer has too. */
interface RecopiedPage extends FetchedPage {
  readonly ids: readonly bigint[];
}

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

/** Of a table with contents as many of the ids as a page holds, at least one. */
async function readRows(
  context: RecopyContext,
  ids: readonly bigint[],
  writer: pg.Client,
  parents: LeftOutParents | undefined,
): Promise<RecopiedPage> {
  const { databases, mapping, migrationId, contentAccess, confirm, reach } = context;
  const sessionName = `cubeshift recopy ${migrationId}`;
  const movedAt = await timeOfMove(writer);
  const { contents } = mapping;
  if (contents === undefined)
    return { ids, rows: await readAll(databases, mapping, ids, movedAt, parents, sessionName), contents: [] };
  const { rows, isWhole } = await readPage(databases, mapping, { kind: 'ids', ids }, sessionName);
  const page = await fetchPage(mapping, contents, rows, movedAt, parents, {
    ...contentAccess,
    databases,
    confirm,
    reach,
    trustsKnown: context.origin === 'passed',
  });
  const last = page.rows.at(-1)?.id;
  return { ...page, ids: isWhole || last === undefined ? ids : ids.filter((id) => id <= last) };
}

async function readAll(
  databases: Databases,
  mapping: RowMapping,
  ids: readonly bigint[],
  movedAt: Buffer,
  parents: LeftOutParents | undefined,
  sessionName: string,
): Promise<(ConvertedRow | WithheldRow)[]> {
  const reader = await databases.connect('legacy', sessionName);
  try {
    const rows: (ConvertedRow | WithheldRow)[] = [];
    const read = readConverted(reader, mapping, { kind: 'ids', ids }, movedAt, parents);
    for await (const group of read) rows.push(...group);
    return rows;
  } finally {
    await dropConnection(reader);
  }
}

async function replaceRows(
  context: RecopyContext,
  writer: pg.Client,
  { ids, rows, contents }: RecopiedPage,
): Promise<Recopied> {
  const { mapping, migrationId, worker, token, origin } = context;
  const log = new BatchLog((ids[0] ?? 0n) - 1n, context.settings);
  const found = new Set(rows.map((row) => row.id));
  const gone = ids.filter((id) => !found.has(id));
  const moved = rows.filter((row) => row.kind === 'row');
  const movedIds = moved.map((row) => row.id);
  const stays = new Set(movedIds);
  const leaving = ids.filter((id) => !stays.has(id));
  const leavingIds = multirangeOf(leaving);
  await context.itemsOfRows.undo(mapping.table, leavingIds, context.confirm);
  let cleared: Cleared = { owned: 0, setAside: 0 };
  const transaction = await TargetTransaction.begin(writer, mapping, async (client) => {
    await context.confirm(client);
    cleared = await clearTargetRows(client, mapping, migrationId, ids);
    await expectUndone(context.itemsOfRows, client, mapping.table, leavingIds);
  });
  try {
    for (const row of rows) log.add(row);
    await transaction.write(moved.map((row) => row.bytes));
    log.close();
    await transaction.commit(async (client) => {
      if (mapping.contents !== undefined)
        await recordContents(client, mapping.contents, contents, context.contentAccess);
      const batchContext = {
        migrationId,
        kind: mapping.kind,
        table: mapping.table,
        worker,
        token,
        rangeId: null,
        origin,
      };
      await logBatches(client, batchContext, log.batches);
      // Rows that a run moves again count once; those that it adopts were never counted as its own.
      if (origin !== 'copied') await logRemovedIds(client, batchContext, ids, cleared.owned);
      const { table } = mapping;
      await context.count?.(client, {
        ids,
        moved: movedIds,
        rejects: log.rejects,
        withheld: log.withheld.map(({ sourceId }) => sourceId),
        gone,
        setAside: cleared.setAside,
      });
      await recordRejects(client, migrationId, table, log.rejects);
      await resolveRejects(client, migrationId, table, movedIds, 'migrated');
      await resolveRejects(client, migrationId, table, gone, 'gone');
      if (mapping.parent !== undefined) {
        await releaseWithheld(client, migrationId, table, ids);
        await recordWithheld(client, migrationId, table, log.withheld);
      }
      await expectCleared(client, mapping, leaving);
      context.reach('before-repair-commit');
    });
    context.reach('after-repair-commit');
  } catch (error) {
    await transaction.abandon();
    throw error;
  }
  return { ...log.totals, gone: gone.length };
}

/** What was taken out of the target. */
export interface Cleared {
  /** How many of the ids runs of the kind owned, whether the rows were still there or not. */
  readonly owned: number;
  readonly setAside: number;
}

/**
 * Takes rows out of the target, by ascending ids. Owned rows are deleted, others are set aside in the ledger first: as JSON to be read, and as
 * PostgreSQL's own text of the row, since JSON has one form for a JSON null and a missing value.
 */
export async function clearTargetRows(
  client: pg.ClientBase,
  mapping: RowMapping,
  migrationId: string,
  ids: readonly bigint[],
): Promise<Cleared> {
  const [min, greatest] = [ids[0], ids.at(-1)];
  if (min === undefined || greatest === undefined) return { owned: 0, setAside: 0 };
  const key = quoteIdentifier(mapping.target.key);
  const table = quoteIdentifier(mapping.target.schema, mapping.target.table);
  // No run owns the least key there can be: preflight refuses a source that has it.
  const owned = await movedIds(client, mapping, min === minKey ? min : min - 1n, greatest);
  const aside = await client.query(
    `insert into ledger.set_aside (migration_id, kind, table_name, source_id, payload)
     select $1, $2, $3, row.${key}, to_jsonb(row) || jsonb_build_object('exact', row::text, 'shape', ${rowShape(table)})
       from ${table} as row
      where row.${key} = any ($4::bigint[]) and not row.${key}::bigint <@ $5::int8multirange`,
    [migrationId, mapping.kind, mapping.table, ids.map(String), owned],
  );
  await client.query(`delete from ${table} where ${key} = any ($1::bigint[])`, [ids.map(String)]);
  await forgetMovedIds(client, mapping, multirangeOf(ids));
  const counted = await client.query<{ owned: string }>(
    'select count(*) as owned from unnest($1::bigint[]) as wanted (id) where id <@ $2::int8multirange',
    [ids.map(String), owned],
  );
  return { owned: Number(counted.rows[0]?.owned ?? 0), setAside: aside.rowCount ?? 0 };
}

/** In the transaction that cleared them, at its end: throws when a trigger or rule kept rows, or has put them back. */
export async function expectCleared(client: pg.ClientBase, mapping: RowMapping, ids: readonly bigint[]): Promise<void> {
  const [min, upto] = [ids[0], ids.at(-1)];
  if (min === undefined || upto === undefined) return;
  const span = { after: min === minKey ? min : min - 1n, upto };
  await expectGone(client, mapping.target, span, multirangeOf(ids));
}

/** The text of an int8multirange. */
export function multirangeOf(ids: readonly bigint[]): string {
  const runs = new IdRuns();
  for (const id of ids) runs.add(id);
  return runs.take();
}
