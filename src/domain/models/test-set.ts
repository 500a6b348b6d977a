/** A row of a held-out test set: inputs as a prediction takes them, and the right output. */
export interface TestRow {
  readonly inputs: unknown;
  readonly label: unknown;
}

/** The rows of a test set, JSON lines of `{inputs, label}`, or in one sentence what is wrong with it. */
export function readTestSet(text: string): readonly TestRow[] | { readonly missing: string } {
  const rows: TestRow[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const row = readTestRow(line);
    if (row === undefined) return { missing: noTestRow(index + 1) };
    rows.push(row);
  }
  return rows;
}

/** What is wrong with a line that is no row. */
export function noTestRow(line: number): string {
  return `Line ${line} of the test set is no {"inputs", "label"}.`;
}

/** One line; undefined where it is no row. */
export function readTestRow(line: string): TestRow | undefined {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row !== 'object' || row === null || !('inputs' in row) || !('label' in row)) return undefined;
    return { inputs: row.inputs, label: row.label };
  } catch {
    return undefined;
  }
}
