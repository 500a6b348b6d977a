/** The first items, at most `max`; no further one is asked for. */
export async function firstOf<T>(items: AsyncIterable<T>, max: number): Promise<readonly T[]> {
  const first: T[] = [];
  for await (const item of items) {
    first.push(item);
    if (first.length === max) break;
  }
  return first;
}
