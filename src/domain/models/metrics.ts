/** What legacy's row says of a model in its column `metrics`, as far as a comparison needs it. */

export const modelTasks = ['classifier', 'regressor'] as const;
export type ModelTask = (typeof modelTasks)[number];

/** Two numbers are equal within it when one of its parts is met. */
export interface Tolerance {
  readonly absolute: number;
  /** Of legacy's value. */
  readonly relative: number;
}

export interface ModelMetrics {
  readonly task: ModelTask;
  /** The name of the output that is compared with the labels. */
  readonly output: string;
  /** Below the folder of models, by the rules of artifact paths: JSON lines of `{inputs, label}`. */
  readonly testSet: string;
  readonly testSha256: string;
  readonly tolerance: Tolerance;
}

/** Of a model that declares none. */
export const defaultTolerance: Tolerance = { absolute: 1e-5, relative: 1e-5 };

/**
 * The parsed column, or in one sentence what keeps its model from being compared. Further fields, such as an accuracy that legacy
 * claims, are not read.
 */
export function readMetrics(column: unknown): ModelMetrics | { readonly missing: string } {
  if (!isObject(column)) return { missing: 'metrics is no JSON object.' };
  const { task, output, test_set: testSet, test_sha256: testSha256 } = column;
  if (!modelTasks.some((known) => known === task))
    return { missing: 'metrics.task is neither classifier nor regressor.' };
  if (typeof output !== 'string' || output === '') return { missing: 'metrics.output names no output.' };
  if (typeof testSet !== 'string' || testSet === '') return { missing: 'metrics.test_set names no held-out test set.' };
  if (typeof testSha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(testSha256))
    return { missing: 'metrics.test_sha256 is no SHA-256.' };
  const tolerance = readTolerance(column);
  if (tolerance === undefined) return { missing: 'metrics.tolerance has a part that is no number of 0 or more.' };
  return { task: task as ModelTask, output, testSet, testSha256: testSha256.toLowerCase(), tolerance };
}

/** The declared tolerance, parts that are left out by default; undefined for one that cannot be read. */
export function readTolerance(column: unknown): Tolerance | undefined {
  const declared = isObject(column) ? (column.tolerance ?? {}) : {};
  if (!isObject(declared)) return undefined;
  const { absolute = defaultTolerance.absolute, relative = defaultTolerance.relative } = declared;
  return isBound(absolute) && isBound(relative) ? { absolute, relative } : undefined;
}

function isBound(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
