export interface CanonicalTarget {
  readonly path: string;
  /** With its question mark; empty without a query. Forwarded unchanged. */
  readonly query: string;
}

/** Visible ASCII without percent signs and without the delimiters that this gateway refuses in a target. */
const plain = /^\/(?:[!$&-.0-;=@-Z_a-z~]+\/)*[!$&-.0-;=@-Z_a-z~]*$/;
const visible = /^[!-~]*$/;
const unreserved = /^[\w.~-]$/;

/**
 * The canonical form of a request target, used for routing, authorisation, caching and forwarding: escapes of letters and digits
 * are decoded, the others written in capitals. Null for a target that two programs could read as two paths: backslashes, double
 * slashes, dot segments (also with path parameters: `/..;/`), escaped slashes, backslashes and NULs, double encoding, bytes that
 * are not UTF-8 (some programs decode overlong forms), anything but origin form.
 */
export function canonicalTarget(url: string): CanonicalTarget | null {
  const mark = url.indexOf('?');
  const raw = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? '' : url.slice(mark);
  if (query !== '' && (!visible.test(query) || query.includes('#'))) return null;
  if (plain.test(raw) && !raw.includes('/.') && !raw.includes('/;')) return { path: raw, query };
  const path = canonicalPath(raw);
  return path === null ? null : { path, query };
}

function canonicalPath(raw: string): string | null {
  if (!raw.startsWith('/') || !visible.test(raw) || /[\\#]/.test(raw)) return null;
  let failed = false;
  const path = raw.replace(/%(.{0,2})/g, (sequence, digits: string) => {
    if (!/^[0-9a-f]{2}$/i.test(digits)) failed = true;
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    if (character === '/' || character === '\\' || character === '\0') failed = true;
    return unreserved.test(character) ? character : sequence.toUpperCase();
  });
  // An escaped percent sign before two digits is another character for a program that decodes twice.
  if (failed || path.includes('//') || /%25[0-9a-f]{2}/i.test(path)) return null;
  return isUtf8(path) && !path.split('/').some(isDots) ? path : null;
}

/** Whether a segment without its parameters is empty, or dots. An empty one without parameters is the path's end. */
function isDots(segment: string): boolean {
  return /^(?:\.{1,2}(?:;|%3B|$)|;|%3B)/.test(segment);
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
