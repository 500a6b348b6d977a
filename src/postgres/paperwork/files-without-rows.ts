import type pg from 'pg';
import type { FileWithoutRow } from '../../domain/paperwork/file-without-row.js';

export interface FilesWithoutRowsPage {
  readonly items: readonly FileWithoutRow[];
  readonly nextCursor: string | null;
}

/** Behind the cursor of a page; of the newest verification of the run that listed the files. */
export async function readFilesWithoutRows(
  cube: pg.Pool,
  migrationId: string,
  after: string | null,
  max: number,
): Promise<FilesWithoutRowsPage> {
  const found = await cube.query<FileWithoutRow & { id: string }>(
    `select listed.id, replace(encode(path, 'base64'), E'\\n', '') as path_base64, size::float8 as size
       from paperwork.files_without_rows as listed
      where verification_id = (
              select max(verification_id) from paperwork.files_without_rows
                join ledger.verifications on verifications.id = verification_id where migration_id = $1)
        and listed.id > coalesce($2::bigint, 0)
      order by listed.id limit $3`,
    [migrationId, after, max],
  );
  const items = found.rows.map(({ path_base64, size }) => ({ path_base64, size }));
  return { items, nextCursor: items.length === max ? (found.rows.at(-1)?.id ?? null) : null };
}
