import type pg from 'pg';
import type { PageContent, ReadingKind } from '../documents/page-content.js';
import type { ProcessFailureReason } from '../domain/paperwork/process-failure.js';
import type { ProcessWaitReason } from '../domain/paperwork/process-waiting.js';
import type { ProcessRequest } from '../domain/paperwork/processing-request.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';

/** How far a request is; what is null is not known yet. */
export interface ProcessingRecord {
  /** The last page that is kept. */
  readonly page: number | null;
  readonly pages: number | null;
  /** How the document is read. */
  readonly reading: ReadingKind;
  /** The SHA-256 of what is read. */
  readonly content: string | null;
  /** Library, version and data that read it. */
  readonly method: string | null;
  readonly resultId: string | null;
}

/** What a document is read as from its first page on. */
export interface BegunReading {
  readonly reading: ReadingKind;
  readonly content: string;
  readonly method: string;
  readonly pages: number;
}

/**
 * How far the requests are, in the cube database, for the worker that processes them. Each call is conditional on its request: of one that
 * has ended, or whose file was deleted, it changes nothing and says false or undefined. Throws the failures of the cube database.
 */
export interface ProcessingRecords {
  /** Undefined for a request that has ended, was replaced or forgotten. */
  find(request: ProcessRequest): Promise<ProcessingRecord | undefined>;
  /** Drops the pages that were kept: another content, or another way of reading it. */
  begin(request: ProcessRequest, reading: BegunReading): Promise<boolean>;
  /** As `begin`, before it is known what the document is. */
  readAs(request: ProcessRequest, reading: ReadingKind): Promise<boolean>;
  /** Nor of a document that another attempt has begun to read otherwise meanwhile. */
  keepPage(
    request: ProcessRequest,
    as: Pick<BegunReading, 'content' | 'method'>,
    page: number,
    read: PageContent,
  ): Promise<boolean>;
  /** Characters of all pages that are kept, as JSON. */
  keptLength(request: ProcessRequest): Promise<number>;
  /** In their order. */
  pages(request: ProcessRequest): Promise<readonly PageContent[]>;
  /** Puts the id that its result will have on record; the one that was there before counts. */
  reserveResult(request: ProcessRequest, id: string): Promise<string | undefined>;
  /** The id leads to something else: another one is drawn. */
  dropResult(request: ProcessRequest, id: string): Promise<void>;
  wait(request: ProcessRequest, reason: ProcessWaitReason): Promise<void>;
  /** It has ended; the pages are removed. */
  done(request: ProcessRequest, madeBy: string): Promise<void>;
  fail(request: ProcessRequest, reason: ProcessFailureReason): Promise<void>;
}

const isOpen = `file_id = $1 and kind = $2 and request = $3 and state not in ('done', 'failed')`;
const findText = `select page, pages, coalesce(reading, case kind when 'classify' then 'text' else kind end) as reading, content, method,
    result_id::text as "resultId" from paperwork.processing where ${isOpen}`;
const readAsText = `update paperwork.processing set page = null, pages = null, reading = $4, content = null, method = null, updated_at = now()
  where ${isOpen}`;
const beginText = `update paperwork.processing
     set state = 'running', reason = null, page = 0, pages = $7, reading = $4, content = $5, method = $6, updated_at = now()
   where ${isOpen}`;
const dropPagesText = 'delete from paperwork.read_pages where file_id = $1 and kind = $2';
const keepPageText = `with kept as (
    update paperwork.processing set state = 'running', reason = null, page = $5, updated_at = now()
     where ${isOpen} and content = $4 and method = $7 returning file_id, kind
  ), added as (
    insert into paperwork.read_pages (file_id, kind, page, content) select file_id, kind, $5, $6::jsonb from kept
    on conflict do nothing
  )
  select from kept`;
const lengthText = `select coalesce(sum(length(content::text)), 0)::float8 as length from paperwork.read_pages where file_id = $1 and kind = $2`;
const pagesText = 'select content from paperwork.read_pages where file_id = $1 and kind = $2 order by page';
const reserveText = `update paperwork.processing set result_id = coalesce(result_id, $4::bigint), updated_at = now()
   where ${isOpen} returning result_id::text as id`;
const dropResultText = `update paperwork.processing set result_id = null where ${isOpen} and result_id = $4::bigint`;
const waitText = `update paperwork.processing set state = 'waiting', reason = $4, updated_at = now() where ${isOpen}`;
const doneText = `update paperwork.processing set state = 'done', reason = null, page = pages, made_by = $4, updated_at = now() where ${isOpen}`;
const failText = `update paperwork.processing set state = 'failed', reason = $4, updated_at = now() where ${isOpen}`;

export function createProcessingRecords(cube: pg.Pool): ProcessingRecords {
  const keyOf = ({ fileId, kind, request }: ProcessRequest) => [fileId, kind, request];
  const change = (text: string, request: ProcessRequest, ...more: readonly unknown[]) =>
    atSide('cube', async () => ((await cube.query(text, [...keyOf(request), ...more])).rowCount ?? 0) > 0);
  /** Drops the pages in the transaction in which the row says that there are none. */
  const changeWithoutPages = (text: string, request: ProcessRequest, ...more: readonly unknown[]) =>
    atSide('cube', () =>
      inTransaction(cube, async (client) => {
        const changed = await client.query(text, [...keyOf(request), ...more]);
        if (changed.rowCount === 0) return false;
        await client.query(dropPagesText, [request.fileId, request.kind]);
        return true;
      }),
    );
  return {
    find: (request) =>
      atSide('cube', async () => (await cube.query<ProcessingRecord>(findText, keyOf(request))).rows[0]),
    begin: (request, { reading, content, method, pages }) =>
      changeWithoutPages(beginText, request, reading, content, method, pages),
    readAs: (request, reading) => changeWithoutPages(readAsText, request, reading),
    keepPage: (request, { content, method }, page, read) =>
      change(keepPageText, request, content, page, JSON.stringify(read), method),
    keptLength: ({ fileId, kind }) =>
      atSide('cube', async () => {
        const found = await cube.query<{ length: number }>(lengthText, [fileId, kind]);
        return found.rows[0]?.length ?? 0;
      }),
    pages: ({ fileId, kind }) =>
      atSide('cube', async () => {
        const found = await cube.query<{ content: PageContent }>(pagesText, [fileId, kind]);
        return found.rows.map(({ content }) => content);
      }),
    reserveResult: (request, id) =>
      atSide('cube', async () => (await cube.query<{ id: string }>(reserveText, [...keyOf(request), id])).rows[0]?.id),
    dropResult: async (request, id) => {
      await change(dropResultText, request, id);
    },
    wait: async (request, reason) => {
      await change(waitText, request, reason);
    },
    done: async (request, madeBy) => {
      await changeWithoutPages(doneText, request, madeBy);
    },
    fail: async (request, reason) => {
      await changeWithoutPages(failText, request, reason);
    },
  };
}
