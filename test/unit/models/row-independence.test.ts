import { expect, test } from 'vitest';
import type { Batch, GraphSchema, Tensor } from '../../../src/domain/models/tensors.js';
import { joinsRows } from '../../../src/models/row-independence.js';

const schema: GraphSchema = {
  inputs: [{ name: 'x', type: 'float32', shape: [null, 4] }],
  outputs: [{ name: 'y', type: 'float32', shape: [null, 4] }],
};

/** A graph of one input whose output has its numbers. */
function graph(compute: (numbers: readonly number[]) => readonly number[]) {
  return async ({ rows, tensors }: Batch): Promise<Batch> => {
    const x = tensors.x as Tensor;
    const data = Float32Array.from(compute(Array.from(x.data as Float32Array)));
    return { rows, tensors: { y: { ...x, data } } };
  };
}

test('rows are computed together where each gives the same alone', async () => {
  await expect(
    joinsRows(
      schema,
      graph((numbers) => numbers.map((one) => Math.tanh(one) * 3)),
    ),
  ).resolves.toBe(true);
});

test.each<[string, (numbers: readonly number[]) => readonly number[]]>([
  [
    'quantises by the range of its batch',
    (numbers) => {
      const scale = Math.max(...numbers, 1e-9) / 255;
      return numbers.map((one) => Math.round(one / scale) * scale);
    },
  ],
  [
    'subtracts the mean of its batch',
    (numbers) => numbers.map((one) => one - numbers.reduce((sum, other) => sum + other, 0) / numbers.length),
  ],
])('rows of a graph that %s are computed apart', async (_, compute) => {
  await expect(joinsRows(schema, graph(compute))).resolves.toBe(false);
});
