import { writeIsoTime } from '../iso-time.js';

/** A row of legacy's table `paperwork_results`, without its file. */
export interface LegacyResult {
  readonly id: string;
  readonly kind: string | null;
  readonly result: string | null;
  readonly created_at: string | null;
}

/** The columns of a `LegacyResult`, in SQL. */
export const legacyResultColumns = 'id::text, kind, result::text, created_at::text';

/** Rows of a page of `GET /files/{id}/results`. */
export const resultsPerPage = 100;

/** JSON of a page by id, from one row more than it has where there are more. */
export function writeResultPage(rows: readonly LegacyResult[]): string {
  const items = rows.slice(0, resultsPerPage);
  const next = rows.length > resultsPerPage ? (items.at(-1)?.id ?? null) : null;
  return `{"items":[${items.map(writeResult).join(',')}],"next_cursor":${JSON.stringify(next)}}`;
}

/** The cursor of a query, 0 where there is none; undefined for one that no page gave. */
export function readResultCursor(query: unknown): string | undefined {
  if (typeof query !== 'object' || query === null) return '0';
  const { cursor = '0' } = query as { readonly cursor?: unknown };
  return typeof cursor === 'string' && /^\d{1,19}$/.test(cursor) && BigInt(cursor) < 2n ** 63n ? cursor : undefined;
}

function writeResult({ id, kind, result, created_at }: LegacyResult): string {
  return `{"id":${id},"kind":${JSON.stringify(kind)},"result":${result},"created_at":${JSON.stringify(writeIsoTime(created_at))}}`;
}
