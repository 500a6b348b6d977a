/** Whether a header `If-None-Match` has the tag, compared weakly (RFC 9110, 13.1.2): the client has the content already. */
export function matchesNone(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || tagsOf(header).some((one) => one.replace(/^W\//, '') === tag);
}

/** Whether a header `If-Match` lacks the tag, compared strongly (RFC 9110, 13.1.1): the client knows another content. */
export function failsMatch(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.trim() !== '*' && !tagsOf(header).includes(tag);
}

/** Whether a range may be answered under a header `If-Range` (RFC 9110, 13.1.5). A date is compared with nothing: all is sent. */
export function allowsRange(header: string | undefined, tag: string): boolean {
  return header === undefined || header.trim() === tag;
}

function tagsOf(header: string): readonly string[] {
  return header.match(/(?:W\/)?"[^"]*"/g) ?? [];
}
