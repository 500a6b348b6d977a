/**
 * PostgreSQL's COPY text format: fields split by tabs, rows by line feeds, `\N` for NULL, backslash escapes.
 * Rule: https://www.postgresql.org/docs/16/sql-copy.html, "Text Format". A raw tab or line feed never occurs inside a field.
 */

/** A row as COPY writes it, without its line feed. */
export type CopyLine = string;

/** The fields of a line, null for NULL. */
export function splitCopyLine(line: CopyLine): (string | null)[] {
  const fields: (string | null)[] = line.split('\t');
  for (let place = 0; place < fields.length; place++) {
    const field = fields[place];
    if (typeof field === 'string' && field.includes('\\'))
      fields[place] = field === '\\N' ? null : unescapeField(field);
  }
  return fields;
}

/** A field for COPY: NULL as `\N`, the six special characters escaped. */
export function copyField(value: string | null): string {
  if (value === null) return '\\N';
  return needsEscape.test(value) ? value.replace(special, (character) => escapes[character] ?? character) : value;
}

const needsEscape = /[\\\n\r\t]/;
const special = /[\\\n\r\t]/g;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const meanings: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** COPY TO writes only single-letter escapes and doubled backslashes; octal and hex forms occur in COPY FROM input alone. */
function unescapeField(field: string): string {
  return field.replace(/\\(.)/gs, (_, character: string) => meanings[character] ?? character);
}

/**
 * Splits a byte stream of COPY into lines. Bytes are decoded as UTF-8, whole lines at a time, so that a character
 * torn between two chunks stays whole; memory is one chunk and one line.
 */
export class CopyLineSplitter {
  private rest: Buffer[] = [];

  /** The lines that `chunk` completes. */
  push(chunk: Buffer): string[] {
    const end = chunk.lastIndexOf(lineFeed);
    if (end === -1) {
      if (chunk.length > 0) this.rest.push(chunk);
      return [];
    }
    const head = chunk.subarray(0, end);
    const whole = this.rest.length === 0 ? head : Buffer.concat([...this.rest, head]);
    this.rest = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : [];
    return whole.toString('utf8').split('\n');
  }

  /** Whether the stream ended in the middle of a line. */
  get torn(): boolean {
    return this.rest.length > 0;
  }
}

const lineFeed = 0x0a;
