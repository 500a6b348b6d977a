/** A page is read well enough up to this share of wrong characters. */
export const maxCharacterErrorRate = 0.05;

/**
 * The character error rate: the Levenshtein distance of what was read from what is on the page, over the length of the latter. Both are
 * code points in NFC, with one space for each run of white space and none at the ends, so that where lines break does not count.
 */
export function characterErrorRate(read: string, truth: string): number {
  const [found, expected] = [read, truth].map((text) => [...text.normalize('NFC').replace(/\s+/g, ' ').trim()]);
  if (found === undefined || expected === undefined || expected.length === 0) throw new Error('There is no true text.');
  return distance(found, expected) / expected.length;
}

/** How many characters must be put in, left out or replaced. */
function distance(from: readonly string[], to: readonly string[]): number {
  let last = to.map((_, index) => index + 1);
  for (const [row, own] of from.entries()) {
    const next: number[] = [];
    for (const [column, other] of to.entries()) {
      const diagonal = column === 0 ? row : (last[column - 1] ?? 0);
      const left = column === 0 ? row + 1 : (next[column - 1] ?? 0);
      next.push(Math.min((last[column] ?? 0) + 1, left + 1, diagonal + (own === other ? 0 : 1)));
    }
    last = next;
  }
  return last.at(-1) ?? from.length;
}
