import type pg from 'pg';
import type { ProcessKind, ProcessView } from '../domain/paperwork/process.js';
import { atSide } from '../postgres/databases.js';
import { forUser } from '../postgres/users-statements.js';

/**
 * What users request of documents, in the cube database: the cube that answers users writes it there, and documents workers take it from
 * there, so that neither needs the other to be up. Throws the failures of the cube database.
 */
export interface ProcessingRequests {
  /** Requests a file's processing, anew where it has ended; one that has not is joined. */
  request(fileId: string, kind: ProcessKind): Promise<ProcessView>;
  /** Undefined where it was not requested here. */
  view(fileId: string, kind: ProcessKind): Promise<ProcessView | undefined>;
  /** Of a file that was deleted: what is read of it is dropped. */
  forget(fileId: string): Promise<void>;
}

const viewColumns = 'kind, state, page, pages, reason';
/** A request that has ended is replaced by a new one. */
const requestText = `insert into paperwork.processing as processing (file_id, kind, request, state, requested_at, updated_at)
  values ($1, $2, gen_random_uuid(), 'queued', now(), now())
  on conflict (file_id, kind) do update
     set request = excluded.request, state = 'queued', page = null, pages = null, reason = null, reading = null, content = null,
         method = null, made_by = null, result_id = null, dispatched_at = null, requested_at = now(), updated_at = now()
   where processing.state in ('done', 'failed')
  returning ${viewColumns}`;
const viewText = `select ${viewColumns} from paperwork.processing where file_id = $1 and kind = $2`;

/** Another program may remove the row between the two statements of a request. */
const maxTries = 5;

export function createProcessingRequests(cube: pg.Pool): ProcessingRequests {
  const query = async (text: string, values: readonly string[]) =>
    (await forUser('cube', () => cube.query<ProcessView>(text, [...values]))).rows[0];
  return {
    async request(fileId, kind) {
      for (let attempt = 1; attempt <= maxTries; attempt++) {
        const view = (await query(requestText, [fileId, kind])) ?? (await query(viewText, [fileId, kind]));
        if (view !== undefined) return view;
      }
      throw new Error('a request was removed each time that it was made');
    },
    view: (fileId, kind) => query(viewText, [fileId, kind]),
    async forget(fileId) {
      await atSide('cube', () => cube.query('delete from paperwork.processing where file_id = $1', [fileId]));
    },
  };
}
