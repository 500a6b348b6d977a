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
    const row = parse(line);
    if (row === undefined) return { missing: `Line ${index + 1} of the test set is no {"inputs", "label"}.` };
    rows.push(row);
  }
  return rows;
}

function parse(line: string): TestRow | undefined {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row !== 'object' || row === null || !('inputs' in row) || !('label' in row)) return undefined;
    return { inputs: row.inputs, label: row.label };
  } catch {
    return undefined;
  }
}
