const unreserved = /[A-Za-z0-9\-._~]/;
/** Characters that separate the parts of a URL: escaped, they are other characters than plain. */
const separator = /[/?&=;:@!'()+,]/;

/**
 * The one form in which paths and rules are compared (RFC 9309, 2.2.2): escapes in capitals, unreserved characters never escaped, separators as they are,
 * all others always escaped. Without it a rule of `/a|b` or `/%7Ejoe` would not match the URL that it was written for.
 */
export function canonicalPath(text: string): string {
  return text
    .replace(/[\ud800-\udfff]/gu, '\ufffd')
    .replace(/%[0-9a-f]{2}|[\s\S]/giu, (part) =>
      part.length === 3 && part.startsWith('%') ? ofEscape(part) : ofPlain(part),
    );
}

function ofEscape(escaped: string): string {
  const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
  return unreserved.test(character) ? character : escaped.toUpperCase();
}

function ofPlain(character: string): string {
  if (unreserved.test(character) || separator.test(character)) return character;
  // The one character besides these that the function leaves as it is.
  return character === '*' ? '%2A' : encodeURIComponent(character);
}
