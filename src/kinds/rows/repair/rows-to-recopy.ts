import type pg from 'pg';
import { type Databases, dropConnection } from '../../../postgres/databases.js';
import { type FetchedPage, fetchPage, readPage } from '../copy/page.js';
import { readConverted } from '../copy/read-converted.js';
import { timeOfMove } from '../copy/target-transaction.js';
import type { LeftOutParents } from '../left-out-parents.js';
import type { ConvertedRow, RowMapping, WithheldRow } from '../row-mapping.js';
import type { RecopyContext } from './recopy-context.js';

/** Rows that are moved again in one transaction, or refused; `ids` are ascending, of those that the source no longer has too. */
export interface RecopiedPage extends FetchedPage {
  readonly ids: readonly bigint[];
}

/** Of a table with contents as many of the ids as a page holds, at least one. */
export async function readRows(
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
