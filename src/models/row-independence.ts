import { outputRows } from '../domain/models/output-rows.js';
import { type Batch, type GraphSchema, joinBatches, type Tensor, tensorData } from '../domain/models/tensors.js';

/**
 * Whether rows of several requests may be computed together, as far as trials show: the graph leaves the number of rows free, in every
 * input and output, and rows of very different values give the same together as each on its own. A graph that, say, subtracts the mean
 * of its rows does not. No trial shows that no rows have an effect on each other: `hasRowOperatorsOnly` has to agree.
 */
export async function joinsRows(
  { inputs, outputs }: GraphSchema,
  compute: (batch: Batch) => Promise<Batch>,
): Promise<boolean> {
  if (inputs.length === 0 || ![...inputs, ...outputs].every(({ shape }) => shape.length > 0 && shape[0] === null))
    return false;
  const alone = async (values: TrialValues) => {
    const batch = trial({ inputs, outputs }, values);
    return { batch, row: outputRows(await compute(batch)) };
  };
  try {
    const usual = [await alone(zeros), await alone(ones)];
    const all = [...usual];
    for (const values of extremes) {
      // Values of a trial may be none that the graph takes; then it is without them.
      const tried = await alone(values).catch(() => undefined);
      if (tried !== undefined) all.push(tried);
    }
    for (const tried of [usual, all, all.toReversed()]) {
      const together = outputRows(await compute(joinBatches(tried.map(({ batch }) => batch))));
      if (
        !isClose(
          together,
          tried.flatMap(({ row }) => row),
        )
      )
        return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** The values of a trial's row by the places of its elements. */
interface TrialValues {
  readonly decimal: (at: number) => number;
  readonly whole: number;
  readonly text: string;
}

const zeros: TrialValues = { decimal: () => 0, whole: 0, text: '' };
const ones: TrialValues = { decimal: (at) => 0.5 + (at % 7) / 7, whole: 1, text: 'a' };
const extremes: readonly TrialValues[] = [
  {
    decimal: (at) => (at % 2 === 0 ? 1 : -1) * (1000 + (at % 5)),
    whole: 1000,
    text: '한글 두 낱말 and 12 more words, much longer than the others '.repeat(8),
  },
  { decimal: (at) => -0.001 * (1 + (at % 3)), whole: -3, text: '#' },
];

function trial({ inputs }: GraphSchema, { decimal, whole, text }: TrialValues): Batch {
  const tensors = inputs.map(({ name, type, shape }): [string, Tensor] => {
    const dims = [1, ...shape.slice(1).map((size) => size ?? 1)];
    const length = dims.reduce((product, size) => product * size, 1);
    const elements = Array.from({ length }, (_, at) => {
      if (type === 'string') return text;
      if (type === 'int64') return BigInt(whole);
      if (type === 'bool') return whole === 0 ? 0 : 1;
      return type === 'int32' ? whole : decimal(at);
    });
    return [name, { type, dims, data: tensorData(type, elements) }];
  });
  return { rows: 1, tensors: Object.fromEntries(tensors) };
}

/** Sums in another order differ in their last digits. */
const closeness = 1e-4;

function isClose(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return Object.is(a, b) || Math.abs(a - b) <= closeness * Math.max(1, Math.abs(b));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const others = b as Readonly<Record<string, unknown>>;
  const entries = Object.entries(a);
  return (
    entries.length === Object.keys(others).length && entries.every(([name, value]) => isClose(value, others[name]))
  );
}
