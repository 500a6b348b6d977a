/** A row of legacy's table `paperwork_files`; JSON as text, times as PostgreSQL reads them, `infinity` among them. */
export interface FileRow {
  readonly id: number;
  readonly path: string;
  readonly size: number | null;
  readonly mime_type: string | null;
  readonly metadata: string | null;
  readonly created_at: string | null;
}

/** A row of legacy's table `paperwork_results`. */
export interface ResultRow {
  readonly id: number;
  readonly file_id: number | null;
  readonly kind: string | null;
  readonly result: string | null;
  readonly created_at: string | null;
}

/** What lies somewhere below the stand-in's folder. Paths begin in LEGACY_STORAGE_DIR and may lead out of it; names are text or bytes. */
export type Entry =
  | {
      readonly kind: 'file';
      readonly path: string | Buffer;
      readonly content: () => Buffer;
      /** In seconds. */
      readonly modified: number;
      readonly mode?: number;
    }
  /** Holes, and one byte at the end. */
  | { readonly kind: 'sparse file'; readonly path: string; readonly size: number; readonly modified: number }
  /** Where the target begins with `<files>/`, that is the absolute path of LEGACY_STORAGE_DIR. */
  | { readonly kind: 'link'; readonly path: string; readonly target: string | Buffer }
  | { readonly kind: 'hard link'; readonly path: string; readonly to: string }
  | { readonly kind: 'folder' | 'fifo' | 'socket' | 'device'; readonly path: string };

/** Where this stands at the beginning of a link's target, it is the absolute path of LEGACY_STORAGE_DIR. */
export const filesRoot = '<files>/';
