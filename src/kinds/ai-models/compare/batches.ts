import type { TestRow } from '../../../domain/models/test-set.js';

/** Rows of the test set that are predicted in one request. */
export interface RowBatch {
  readonly rows: readonly TestRow[];
  /** The request. */
  readonly body: string;
}

/** Within what services accept: 4,096 rows and 16 MiB. */
const maxRows = 256;
const maxCharacters = 2 * 1024 * 1024;

/** The test set in its order, in requests of a bounded size; a row that is longer makes a request of its own. */
export function batchesOf(testSet: readonly TestRow[], rowsOfBatch = maxRows): readonly RowBatch[] {
  const batches: RowBatch[] = [];
  let rows: TestRow[] = [];
  let inputs: string[] = [];
  let characters = 0;
  for (const row of testSet) {
    const text = JSON.stringify(row.inputs);
    if (rows.length > 0 && (rows.length === rowsOfBatch || characters + text.length > maxCharacters)) {
      batches.push({ rows, body: bodyOf(inputs) });
      [rows, inputs, characters] = [[], [], 0];
    }
    rows.push(row);
    inputs.push(text);
    characters += text.length;
  }
  if (rows.length > 0) batches.push({ rows, body: bodyOf(inputs) });
  return batches;
}

function bodyOf(inputs: readonly string[]): string {
  return `{"inputs":[${inputs.join(',')}]}`;
}
