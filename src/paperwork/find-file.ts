import type pg from 'pg';
import { type LegacyFile, legacyFileColumns } from '../domain/paperwork/legacy-file.js';
import { atSide } from '../postgres/databases.js';

/** The row of a file; undefined where there is none. Throws the failures of the owner's database: before a cutover legacy's. */
export type FindFile = (id: string) => Promise<LegacyFile | undefined>;

export function createFindFile(legacy: pg.Pool): FindFile {
  const text = `select ${legacyFileColumns} from public.paperwork_files where id = $1::bigint`;
  return (id) => atSide('legacy', async () => (await legacy.query<LegacyFile>(text, [id])).rows[0]);
}
