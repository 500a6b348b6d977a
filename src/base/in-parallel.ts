/** Results in the order of the items. Ends when all that was begun has ended, also after a failure, which it then throws. */
export async function inParallel<T, R>(
  items: readonly T[],
  max: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Array<R>(items.length);
  const failures: unknown[] = [];
  const queue = items.entries();
  const one = async () => {
    for (const [place, item] of queue) {
      if (failures.length > 0) return;
      try {
        results[place] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, one));
  if (failures.length > 0) throw failures[0];
  return results;
}
