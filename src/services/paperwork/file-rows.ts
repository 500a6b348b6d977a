import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { type LegacyFile, legacyFileColumns } from '../../domain/paperwork/legacy-file.js';
import { type LegacyResult, legacyResultColumns, resultsPerPage } from '../../domain/paperwork/legacy-result.js';
import { inTransaction } from '../../postgres/connect.js';
import { forUser } from '../../postgres/users-statements.js';

/** What an upload becomes in the table. */
export interface NewFile {
  readonly path: string;
  readonly size: number;
  readonly mimeType: string;
  /** JSON. */
  readonly metadata: string | null;
}

/** The rows of the owner: before a cutover legacy's tables. Ids are texts that `readFileId` accepts. Throws the failures of its database. */
export interface FileRows {
  find(id: string): Promise<LegacyFile | undefined>;
  /**
   * The id comes from legacy's sequence. Throws `MetadataRefused`, and `NotInserted` where it is certain that there is no row; after
   * anything else there may be one.
   */
  insert(file: NewFile): Promise<LegacyFile>;
  /** Removes results and row together; the row that was there. */
  remove(id: string): Promise<LegacyFile | undefined>;
  /** Results after one id; one more than a page has where there are more. */
  results(fileId: string, after: string): Promise<readonly LegacyResult[]>;
  /** Inserts and removes a file with a result in a transaction that is rolled back: throws the failure that a user's write would get. */
  checkWrites(): Promise<void>;
}

/** The database cannot hold what the metadata say, such as a text with a NUL. */
export class MetadataRefused extends Error {
  override readonly name = 'MetadataRefused';
}

/** The database refused the row: there is none. */
export class NotInserted extends Failure {
  constructor(cause: Failure) {
    super(cause.type, cause.message, { hint: cause.hint, cause });
  }
}

const findText = `select ${legacyFileColumns} from public.paperwork_files where id = $1::bigint`;
const insertText = `insert into public.paperwork_files (path, size, mime_type, metadata, created_at)
  values ($1, $2, $3, $4, now()) returning ${legacyFileColumns}`;
const insertResultText = `insert into public.paperwork_results (file_id, kind, result, created_at) values ($1, $2, $3, now())`;
// A result that is added now waits for the row, and then finds none.
const lockText = 'select from public.paperwork_files where id = $1::bigint for update';
const removeResultsText = 'delete from public.paperwork_results where file_id = $1::bigint';
const removeText = `delete from public.paperwork_files where id = $1::bigint returning ${legacyFileColumns}`;
const resultsText = `select ${legacyResultColumns} from public.paperwork_results
  where file_id = $1::bigint and id > $2::bigint order by paperwork_results.id limit $3`;

export function legacyFileRows(legacy: pg.Pool): FileRows {
  return {
    find: (id) => forUser('legacy', async () => (await legacy.query<LegacyFile>(findText, [id])).rows[0]),
    insert: async ({ path, size, mimeType, metadata }) => {
      let refusedWith: unknown;
      const insert = () =>
        legacy.query<LegacyFile>(insertText, [path, size, mimeType, metadata]).catch((error: unknown) => {
          refusedWith = error;
          throw error;
        });
      const { rows } = await forUser('legacy', insert).catch((error: unknown) => {
        if (isRefusedJson(refusedWith)) throw new MetadataRefused();
        throw isRefusal(refusedWith) && error instanceof Failure ? new NotInserted(error) : error;
      });
      const [row] = rows;
      if (row === undefined) throw new Error('an insert returned no row');
      return row;
    },
    remove: (id) => forUser('legacy', () => inTransaction(legacy, (client) => remove(client, id))),
    results: (fileId, after) =>
      forUser(
        'legacy',
        async () => (await legacy.query<LegacyResult>(resultsText, [fileId, after, resultsPerPage + 1])).rows,
      ),
    checkWrites: () => forUser('legacy', () => tryWrites(legacy)),
  };
}

async function remove(client: pg.ClientBase, id: string): Promise<LegacyFile | undefined> {
  await client.query(lockText, [id]);
  await client.query(removeResultsText, [id]);
  return (await client.query<LegacyFile>(removeText, [id])).rows[0];
}

async function tryWrites(legacy: pg.Pool): Promise<void> {
  const client = await legacy.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const inserted = await client.query<LegacyFile>(insertText, ['cubeshift-write-check', 0, 'text/plain', '{}']);
    const id = inserted.rows[0]?.id ?? '0';
    await client.query(insertResultText, [id, 'text', '{}']);
    await remove(client, id);
  } finally {
    // A connection that cannot roll back is closed, and the server rolls back.
    await client.query('rollback').catch((error: Error) => {
      broken = error;
    });
    client.release(broken);
  }
}

/** Text with a NUL, a number beyond all, or nesting beyond the server's stack. */
function isRefusedJson(error: unknown): boolean {
  return ['22P02', '22P05', '22003', '22032', '54001'].includes(codeOf(error));
}

/** The server's own refusal of the statement, after which the session goes on: nothing was committed. */
function isRefusal(error: unknown): boolean {
  return codeOf(error) !== '' && error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
