import type pg from 'pg';
import type { LegacyFile } from '../domain/paperwork/legacy-file.js';
import { atSide } from '../postgres/databases.js';
import type { Sha256 } from '../storage/blob-store.js';
import type { StatText } from '../storage/stat-text.js';

/** Which contents of legacy's files are in the store. */
export interface StoredFiles {
  /**
   * The content of a row whose file is like this now; undefined where the migration has not stored it, or another one. Throws the failures
   * of the cube database.
   */
  contentOf(row: Pick<LegacyFile, 'id' | 'path'>, stat: StatText): Promise<Sha256 | undefined>;
}

const text = `select sha256 from paperwork.files where id = $1::bigint and path = $2 and file_stat = $3`;

export function createStoredFiles(cube: pg.Pool): StoredFiles {
  return {
    contentOf: ({ id, path }, stat) =>
      atSide('cube', async () => (await cube.query<{ sha256: Sha256 }>(text, [id, path, stat])).rows[0]?.sha256),
  };
}
