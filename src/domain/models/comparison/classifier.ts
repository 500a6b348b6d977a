import { isSameValue } from '../answered-rows.js';
import { type ComparedRow, decide, dropLimit, fewestRows, type Judgement } from './judgement.js';
import { differenceUpperBound, isBelow } from './tango.js';

/**
 * Compares two sides of a classifier by the rows that one of them alone has right. Activates where Tango's bound of the lost accuracy is
 * below the limit, which takes 73 rows where both sides always agree.
 */
export function judgeClassifier(rows: readonly ComparedRow[], output: string): Judgement {
  const n = rows.length;
  let [agreeing, legacyRight, cubeRight, b, c] = [0, 0, 0, 0, 0];
  for (const { label, legacy, cube } of rows) {
    const isLegacyRight = isSameValue(legacy[output], label);
    const isCubeRight = isSameValue(cube[output], label);
    if (isSameValue(legacy[output], cube[output])) agreeing += 1;
    if (isLegacyRight) legacyRight += 1;
    if (isCubeRight) cubeRight += 1;
    if (isLegacyRight && !isCubeRight) b += 1;
    if (isCubeRight && !isLegacyRight) c += 1;
  }
  const share = (count: number) => (n === 0 ? 0 : count / n);
  const bound = differenceUpperBound(n, b, c);
  const decision = decide(share(b - c), bound < dropLimit, share(agreeing));
  return {
    task: 'classifier',
    n,
    b,
    c,
    difference: share(b - c),
    bound,
    limit: dropLimit,
    agreement: share(agreeing),
    decision,
    rows_needed:
      decision === 'evidence_missing'
        ? fewestRows(n + 1, (enough) => isBelow(enough, share(b) * enough, share(c) * enough, dropLimit))
        : null,
    legacy: { accuracy: share(legacyRight), mean_absolute_error: null },
    cube: { accuracy: share(cubeRight), mean_absolute_error: null },
  };
}
