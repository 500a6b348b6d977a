import type pg from 'pg';
import type { ProcessRequest } from '../domain/paperwork/processing-request.js';
import { atSide } from '../postgres/databases.js';

/** The requests whose plans are still to be started. Throws the failures of the cube database. */
export interface ProcessingOutbox {
  /** The oldest first; also those that were started long ago and of which nothing was heard since: their plans may be lost. */
  undispatched(max: number): Promise<readonly ProcessRequest[]>;
  dispatched(request: ProcessRequest): Promise<void>;
}

/** A plan that waits says so more often. */
const lostSeconds = 600;
const undispatchedText = `select file_id::text as "fileId", kind, request from paperwork.processing
  where state not in ('done', 'failed') and (dispatched_at is null
     or greatest(dispatched_at, updated_at) < now() - make_interval(secs => ${lostSeconds}))
  order by requested_at limit $1`;
const dispatchedText = `update paperwork.processing set dispatched_at = now() where file_id = $1 and kind = $2 and request = $3`;

export function createProcessingOutbox(cube: pg.Pool): ProcessingOutbox {
  return {
    undispatched: (max) => atSide('cube', async () => (await cube.query<ProcessRequest>(undispatchedText, [max])).rows),
    async dispatched({ fileId, kind, request }) {
      await atSide('cube', () => cube.query(dispatchedText, [fileId, kind, request]));
    },
  };
}
