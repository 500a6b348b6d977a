import type pg from 'pg';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { Failure } from '../base/failures.js';
import type { DocumentTable, PageContent, ReadingKind } from '../documents/page-content.js';
import type { ProcessRequest } from '../domain/paperwork/processing-request.js';
import { atSide } from '../postgres/databases.js';
import type { ProcessingRecords } from './processing-records.js';

/** What was found in a document; `made_by` says who found it. */
export type ProcessingResult = { readonly made_by: string } & (
  | { readonly text: string }
  | { readonly tables: readonly (DocumentTable & { readonly page: number })[] }
  | { readonly label: string; readonly model: string; readonly version: string }
);

/** `forgotten`: the request has ended, was replaced or forgotten. `file_deleted`: and no result is there. */
export type WrittenResult = 'written' | 'forgotten' | 'file_deleted';

/** The result of pages that were read as this. */
export function resultOfPages(reading: ReadingKind, pages: readonly PageContent[], madeBy: string): ProcessingResult {
  if (reading !== 'tables') return { text: textOfPages(pages), made_by: madeBy };
  const tables = pages.flatMap((content, at) =>
    'tables' in content ? content.tables.map((table) => ({ page: at + 1, ...table })) : [],
  );
  return { tables, made_by: madeBy };
}

/** A form feed ends a page. */
export function textOfPages(pages: readonly PageContent[]): string {
  return pages.map((content) => ('text' in content ? content.text : '')).join('\f');
}

const drawText = `select nextval(pg_get_serial_sequence('public.paperwork_results', 'id'))::text as id`;
// A deletion of the file waits for this, or this for the deletion, and then there is no file.
const insertText = `insert into public.paperwork_results (id, file_id, kind, result, created_at)
  select $1::bigint, file.id, $3, $4::jsonb, now()
    from (select id from public.paperwork_files where id = $2::bigint for key share) as file
  on conflict (id) do nothing`;
const readText = `select file_id::text as "fileId", kind from public.paperwork_results where id = $1::bigint`;

/** Writes results where the owner keeps them: before a cutover in legacy's table. Throws the failures of both databases. */
export class ResultWriter {
  constructor(
    private readonly legacy: pg.Pool,
    private readonly records: ProcessingRecords,
    private readonly reach: ReachCrashPoint,
  ) {}

  /**
   * Writes the result of a request and ends it; at most one, whatever instant a program dies at, since its id is on record before it is
   * written.
   */
  async write(request: ProcessRequest, result: ProcessingResult): Promise<WrittenResult> {
    const record = await this.records.find(request);
    if (record === undefined) return 'forgotten';
    const id = record.resultId ?? (await this.records.reserveResult(request, await this.drawId()));
    if (id === undefined) return 'forgotten';
    this.reach('before-result-written');
    const { fileId, kind } = request;
    await this.query(insertText, [id, fileId, kind, JSON.stringify(result)]);
    const [found] = await this.query<{ fileId: string | null; kind: string | null }>(readText, [id]);
    if (found === undefined) return 'file_deleted';
    if (found.fileId !== fileId || found.kind !== kind) {
      await this.records.dropResult(request, id);
      throw new Failure('unexpected', `The legacy database gave result ${id} to another file.`);
    }
    this.reach('after-result-written');
    await this.records.done(request, result.made_by);
    return 'written';
  }

  private async drawId(): Promise<string> {
    const [drawn] = await this.query<{ id: string }>(drawText, []);
    if (drawn === undefined) throw new Error('a sequence gave no number');
    return drawn.id;
  }

  private query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return atSide('legacy', async () => (await this.legacy.query<Row>(text, [...values])).rows);
  }
}
