import type pg from 'pg';
import { type LegacyFile, legacyFileColumns } from '../../src/domain/paperwork/legacy-file.js';
import { type LegacyResult, legacyResultColumns, resultsPerPage } from '../../src/domain/paperwork/legacy-result.js';

/** What an upload becomes in the table. */
export interface NewFile {
  readonly path: string;
  readonly size: number;
  readonly mimeType: string;
  readonly metadata: string | null;
}

export async function findFile(pool: pg.Pool, id: string): Promise<LegacyFile | undefined> {
  const found = await pool.query<LegacyFile>(`select ${legacyFileColumns} from paperwork_files where id = $1`, [id]);
  return found.rows[0];
}

export async function insertFile(pool: pg.Pool, { path, size, mimeType, metadata }: NewFile): Promise<LegacyFile> {
  const made = await pool.query<LegacyFile>(
    `insert into paperwork_files (path, size, mime_type, metadata, created_at) values ($1, $2, $3, $4, now())
     returning ${legacyFileColumns}`,
    [path, size, mimeType, metadata],
  );
  const [row] = made.rows;
  if (row === undefined) throw new Error('an insert returned no row');
  return row;
}

/** Deletes results and row together; returns the row, or undefined where there was none. */
export async function deleteFile(pool: pg.Pool, id: string): Promise<LegacyFile | undefined> {
  const client = await pool.connect();
  let failed: Error | undefined;
  try {
    await client.query('begin');
    // A result that is added now waits for the row, and then finds none.
    await client.query('select from paperwork_files where id = $1 for update', [id]);
    await client.query('delete from paperwork_results where file_id = $1', [id]);
    const text = `delete from paperwork_files where id = $1 returning ${legacyFileColumns}`;
    const deleted = await client.query<LegacyFile>(text, [id]);
    await client.query('commit');
    return deleted.rows[0];
  } catch (error) {
    failed = error as Error;
    throw error;
  } finally {
    // A session in the middle of a transaction is not used again.
    client.release(failed);
  }
}

/** Results of a file after one id; one more than a page has where there are more. */
export async function listResults(pool: pg.Pool, fileId: string, after: string): Promise<readonly LegacyResult[]> {
  const found = await pool.query<LegacyResult>(
    `select ${legacyResultColumns} from paperwork_results where file_id = $1 and id > $2 order by paperwork_results.id limit $3`,
    [fileId, after, resultsPerPage + 1],
  );
  return found.rows;
}

export async function insertResult(pool: pg.Pool, fileId: string, kind: string, result: unknown): Promise<void> {
  await pool.query('insert into paperwork_results (file_id, kind, result, created_at) values ($1, $2, $3, now())', [
    fileId,
    kind,
    JSON.stringify(result),
  ]);
}

export async function hasResult(pool: pg.Pool, fileId: string, kind: string): Promise<boolean> {
  const found = await pool.query('select from paperwork_results where file_id = $1 and kind = $2 limit 1', [
    fileId,
    kind,
  ]);
  return found.rowCount === 1;
}
