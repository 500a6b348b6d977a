/** `2020-01-02 03:04:05.6+00` with six digits and Z; what ISO 8601 has no four digits for stays as PostgreSQL wrote it. */
export function writeIsoTime(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text);
  return match === null ? text : `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z`;
}
