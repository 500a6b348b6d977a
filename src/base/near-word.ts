/** The word of `known` that was probably meant by one that is not among them; undefined when none is near. */
export function nearWord(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((one) => ({ one, distance: distanceBetween(word, one) }))
    .filter(
      ({ one, distance }) => distance > 0 && distance <= Math.max(1, Math.floor(Math.min(word.length, one.length) / 3)),
    )
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.one;
}

/** How many letters are added, left out, replaced or swapped with their neighbour: optimal string alignment. */
function distanceBetween(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > 3) return Number.POSITIVE_INFINITY;
  let [before, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, index) => index)];
  for (let row = 1; row <= one.length; row++) {
    const now = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      now[column] = Math.min(
        (last[column] ?? 0) + 1,
        (now[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, last] = [last, now];
  }
  return last[other.length] ?? 0;
}
