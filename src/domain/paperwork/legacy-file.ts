import { writeIsoTime } from '../iso-time.js';

/** A row of legacy's table `paperwork_files`; numbers of 64 bits as text, times as PostgreSQL writes them in UTC, JSON as the unchanged text. */
export interface LegacyFile {
  readonly id: string;
  readonly path: string;
  readonly size: string | null;
  readonly mime_type: string | null;
  readonly metadata: string | null;
  readonly created_at: string | null;
}

/** The columns of a `LegacyFile`, in SQL. */
export const legacyFileColumns = 'id::text, path, size::text, mime_type, metadata::text, created_at::text';

/** JSON of a row. */
export function writeFile({ id, path, size, mime_type, metadata, created_at }: LegacyFile): string {
  const text = `{"id":${id},"path":${JSON.stringify(path)},"size":${size},"mime_type":${JSON.stringify(mime_type)}`;
  return `${text},"metadata":${metadata},"created_at":${JSON.stringify(writeIsoTime(created_at))}}`;
}

/** The id of a path of the service, or undefined where it is that of no row. */
export function readFileId(text: string): string | undefined {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n ? text : undefined;
}
