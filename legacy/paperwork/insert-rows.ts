import type pg from 'pg';
import type { Paperwork } from './generate.js';

const batch = 1000;

/** Puts the rows into the empty tables. Their sequences run ahead, as those of real tables do. */
export async function insertPaperwork(
  client: Pick<pg.Client, 'query'>,
  { files, results }: Pick<Paperwork, 'files' | 'results'>,
): Promise<void> {
  for (let at = 0; at < files.length; at += batch)
    await client.query(
      `insert into paperwork_files (id, path, size, mime_type, metadata, created_at)
       select id, path, size, mime_type, metadata::jsonb, created_at
         from json_to_recordset($1) as file (id bigint, path text, size bigint, mime_type text, metadata text, created_at timestamptz)`,
      [JSON.stringify(files.slice(at, at + batch))],
    );
  for (let at = 0; at < results.length; at += batch)
    await client.query(
      `insert into paperwork_results (id, file_id, kind, result, created_at)
       select id, file_id, kind, result::jsonb, created_at
         from json_to_recordset($1) as result (id bigint, file_id bigint, kind text, result text, created_at timestamptz)`,
      [JSON.stringify(results.slice(at, at + batch))],
    );
  await client.query(`select setval('paperwork_files_id_seq', (select max(id) + 50 from paperwork_files)),
    setval('paperwork_results_id_seq', (select max(id) + 50 from paperwork_results))`);
}
