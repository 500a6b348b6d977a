/** `2020-01-02 03:04:05.6+00` as ISO 8601 with six digits; what that has no four digits for stays as PostgreSQL writes it. */
export function writeIsoTime(text: string | null): string | null {
  const match = text === null ? null : /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  return match === null ? text : `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z`;
}
