import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outputRows } from '../../../src/domain/models/output-rows.js';
import type { Batch } from '../../../src/domain/models/tensors.js';
import { Batcher } from '../../../src/models/batcher.js';
import { RunFailure } from '../../../src/models/run-failure.js';

const batchOf = (values: readonly number[], width = 1): Batch => ({
  rows: values.length,
  tensors: {
    x: {
      type: 'float32',
      dims: [values.length, width],
      data: Float32Array.from(values.flatMap((value) => Array(width).fill(value))),
    },
  },
});
const valuesOf = (batch: Batch) => outputRows(batch).map(({ x }) => x);

/** A model that takes a moment and gives back what it gets; it refuses 13, and crashes at 99. */
function model(millis = 1, joinsRows = true) {
  const batches: number[] = [];
  let running = 0;
  const batcher = new Batcher({
    joinsRows,
    maxRows: 64,
    waitMillis: 2,
    onBatch: (rows) => batches.push(rows),
    run: async (batch) => {
      running += 1;
      expect(running).toBeLessThanOrEqual(joinsRows ? 1 : 2);
      await sleep(millis);
      running -= 1;
      const data = batch.tensors.x?.data as Float32Array;
      if (data.includes(99)) throw new RunFailure('crashed', 'gone');
      if (data.includes(13)) throw new RunFailure('refused', 'thirteen');
      return batch;
    },
  });
  return { batcher, batches };
}

test('every request gets its own rows, whatever comes at the same time', async () => {
  const requests = fc.array(
    fc.record({
      values: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 40 }),
      width: fc.constantFrom(1, 2),
      pause: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(requests, async (sent) => {
      const { batcher, batches } = model(0);
      const answers = await Promise.all(
        sent.map(async ({ values, width, pause }) => {
          if (pause > 0) await sleep(pause);
          return valuesOf(await batcher.submit(batchOf(values, width)));
        }),
      );
      expect(answers).toEqual(sent.map(({ values, width }) => values.map((value) => Array(width).fill(value))));
      expect(Math.max(...batches)).toBeLessThanOrEqual(64);
    }),
    { numRuns: 30 },
  );
});

test('what comes while the model computes is computed together next', async () => {
  const { batcher, batches } = model(20);
  await Promise.all(Array.from({ length: 33 }, (_, at) => batcher.submit(batchOf([at % 10]))));
  expect(batches).toEqual([1, 32]);
});

test('a single request does not wait for others', async () => {
  const { batcher } = model(0);
  await Promise.all([1, 2, 3].map((value) => batcher.submit(batchOf([value]))));
  // Others came with the last one: one that is alone now waits for two milliseconds, and the next not at all.
  await batcher.submit(batchOf([4]));
  const begun = performance.now();
  for (let call = 0; call < 20; call += 1) await batcher.submit(batchOf([5]));
  expect((performance.now() - begun) / 20).toBeLessThan(20);
});

test('a request that the model refuses fails alone', async () => {
  const { batcher } = model();
  const results = await Promise.allSettled([1, 2, 13, 4].map((value) => batcher.submit(batchOf([value]))));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

test('a crash fails what was computed then, and nothing is computed again', async () => {
  const { batcher, batches } = model(5);
  const first = batcher.submit(batchOf([1]));
  const results = await Promise.allSettled([99, 2].map((value) => batcher.submit(batchOf([value]))));
  await first;
  expect(results).toMatchObject([{ reason: { kind: 'crashed' } }, { reason: { kind: 'crashed' } }]);
  expect(batches).toEqual([1, 2]);
});

test('requests whose rows are not joined are computed one by one', async () => {
  const { batcher, batches } = model(1, false);
  const answers = await Promise.all([1, 2, 3, 4, 5].map((value) => batcher.submit(batchOf([value, value]))));
  expect(answers.map(valuesOf)).toEqual([1, 2, 3, 4, 5].map((value) => [[value], [value]]));
  expect(batches).toEqual([2, 2, 2, 2, 2]);
});

test.each([true, false])(
  'what is not begun at its deadline is not computed any more (joined: %s)',
  async (joinsRows) => {
    const { batcher, batches } = model(50, joinsRows);
    const begun = [batcher.submit(batchOf([1])), batcher.submit(batchOf([2]))];
    const results = Promise.allSettled([3, 4].map((value) => batcher.submit(batchOf([value]), performance.now() + 20)));
    await Promise.all(begun);
    // A joined model began one of the first two alone; the other was computed when these were overdue.
    expect(await results).toMatchObject([{ reason: { kind: 'overdue' } }, { reason: { kind: 'overdue' } }]);
    expect(batches).toEqual([1, 1]);
  },
);
