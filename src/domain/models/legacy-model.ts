import { writeIsoTime } from '../iso-time.js';

/** A row of legacy's table `ai_models`; times as PostgreSQL writes them in UTC, JSON as the unchanged text. */
export interface LegacyModel {
  readonly id: number;
  readonly name: string;
  readonly version: string | null;
  readonly framework: string | null;
  readonly artifact_path: string | null;
  readonly sha256: string | null;
  readonly input_schema: string | null;
  readonly metrics: string | null;
  readonly created_at: string | null;
}

/** The columns of a `LegacyModel`, in SQL. */
export const legacyModelColumns = `id, name, version, framework, artifact_path, sha256, input_schema::text, metrics::text,
  created_at::text`;

/** Rows of a page of `GET /models`. */
export const modelsPerPage = 100;

/** JSON of a row, without the path of its artifact. */
export function writeModel({
  id,
  name,
  version,
  framework,
  sha256,
  input_schema,
  metrics,
  created_at,
}: LegacyModel): string {
  const text = JSON.stringify({ id, name, version, framework, sha256 }).slice(0, -1);
  return `${text},"input_schema":${input_schema},"metrics":${metrics},"created_at":${JSON.stringify(writeIsoTime(created_at))}}`;
}

/** JSON of a page, from one row more than it has where there are more. */
export function writeModelPage(rows: readonly LegacyModel[]): string {
  const items = rows.slice(0, modelsPerPage);
  const next = rows.length > modelsPerPage ? (items.at(-1)?.id ?? null) : null;
  return `{"items":[${items.map(writeModel).join(',')}],"next_cursor":${next === null ? null : `"${next}"`}}`;
}

/** The cursor of a query, 0 where there is none; undefined for one that no page gave. */
export function readCursor(query: unknown): number | undefined {
  if (typeof query !== 'object' || query === null) return 0;
  const { cursor = '0' } = query as { readonly cursor?: unknown };
  return typeof cursor === 'string' && /^\d{1,10}$/.test(cursor) && Number(cursor) < 2 ** 31
    ? Number(cursor)
    : undefined;
}
