const notRemovable = new Set(['keep-alive', 'close', 'upgrade', 'te', 'authorization', 'content-type', '']);

const none: ReadonlySet<string> = new Set();

/** The headers that a `Connection` value names, in lower case, except those that it must not remove. */
export function removableHeaders(connection: string): ReadonlySet<string> {
  if (notRemovable.has(connection)) return none;
  const names = connection.split(',').map((one) => one.trim().toLowerCase());
  return new Set(names.filter((name) => !notRemovable.has(name)));
}

/** `headers` (names and values in turn) without those in `named`. */
export function withoutHeaders(headers: readonly string[], named: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => !named.has((headers[index - (index % 2)] ?? '').toLowerCase()));
}
