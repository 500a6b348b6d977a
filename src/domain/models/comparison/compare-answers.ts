import { isFiniteRow, numbersOf } from '../answered-rows.js';
import type { ModelMetrics, ModelTask } from '../metrics.js';
import { judgeClassifier } from './classifier.js';
import { type ComparedRow, dropLimit, type Judgement } from './judgement.js';
import { judgeRegressor, type NumericRow } from './regressor.js';

/** Whether a version answers as well in the cube as legacy does, by the labels of the held-out test set. */
export function compareAnswers(
  rows: readonly ComparedRow[],
  { task, output, tolerance }: Pick<ModelMetrics, 'task' | 'output' | 'tolerance'>,
): Judgement {
  if (!rows.every(({ legacy, cube }) => isFiniteRow(legacy) && isFiniteRow(cube)))
    return undecided(task, rows.length, 'output_not_finite');
  if (rows.some(({ legacy, cube }) => legacy[output] === undefined || cube[output] === undefined))
    return noEvidence(task, rows.length);
  if (task === 'classifier') return judgeClassifier(rows, output);
  const numeric = numericRows(rows, output);
  return numeric === undefined ? noEvidence(task, rows.length) : judgeRegressor(numeric, tolerance);
}

/** Where a label or an answer is no number, or they differ in how many there are, there is no error to compute. */
function numericRows(rows: readonly ComparedRow[], output: string): readonly NumericRow[] | undefined {
  const numeric: NumericRow[] = [];
  for (const row of rows) {
    const [label, legacy, cube] = [row.label, row.legacy[output], row.cube[output]].map(numbersOf);
    if (label === undefined || legacy === undefined || cube === undefined) return undefined;
    if (label.length === 0 || !label.every(Number.isFinite)) return undefined;
    if (label.length !== legacy.length || label.length !== cube.length) return undefined;
    numeric.push({ label, legacy, cube });
  }
  return numeric;
}

/** What is said of a test set of so many rows that cannot be evaluated. */
export function noEvidence(task: ModelTask, rows: number): Judgement {
  return undecided(task, rows, 'evidence_missing');
}

function undecided(task: ModelTask, rows: number, decision: 'output_not_finite' | 'evidence_missing'): Judgement {
  const unknown = { accuracy: null, mean_absolute_error: null };
  return {
    task,
    n: rows,
    b: null,
    c: null,
    difference: null,
    bound: null,
    limit: dropLimit,
    agreement: null,
    decision,
    rows_needed: null,
    legacy: unknown,
    cube: unknown,
  };
}
