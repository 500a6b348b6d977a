import type { Entry, FileRow, ResultRow } from '../rows.js';

/** A file, or a row, of a kind that is met once in a thousand. What must come of it is in `expected.json` under its name. */
export interface SpecialFile {
  readonly name: string;
  /** Undefined for what no row names. */
  readonly row?: Partial<Omit<FileRow, 'id'>> & Pick<FileRow, 'path'>;
  /** What lies at its path and around it. */
  readonly entries: readonly Entry[];
  /** How many results the row has. */
  readonly results?: number;
}

/** A result that is special by itself; it belongs to an ordinary file where it names none. */
export interface SpecialResult {
  readonly name: string;
  readonly row: Partial<Omit<ResultRow, 'id'>>;
}

/** 3 March 2017, in seconds: when special files were written last. */
const modified = 1_488_499_200;

export function file(path: string | Buffer, content: string | Buffer, mode?: number): Entry {
  const bytes = Buffer.from(content);
  return { kind: 'file', path, content: () => bytes, modified, ...(mode === undefined ? {} : { mode }) };
}

export function sparseFile(path: string, size: number): Entry {
  return { kind: 'sparse file', path, size, modified };
}

export function link(path: string, target: string | Buffer): Entry {
  return { kind: 'link', path, target };
}

/** A row with the file that it names. */
export function stored(
  name: string,
  path: string,
  content: string | Buffer = `${name}\n`,
  row: Partial<FileRow> = {},
): SpecialFile {
  return { name, row: { path, size: Buffer.byteLength(content), ...row }, entries: [file(path, content)] };
}
