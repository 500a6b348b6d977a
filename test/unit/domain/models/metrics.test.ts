import { describe, expect, test } from 'vitest';
import { readMetrics, readTolerance } from '../../../../src/domain/models/metrics.js';

const column = {
  task: 'classifier',
  output: 'label',
  test_set: 'tests/a.jsonl',
  test_sha256: 'AB'.repeat(32),
  accuracy: 0.99,
};

describe('the column metrics', () => {
  test('names task, output, test set and tolerance, and what legacy claims besides is not read', () => {
    expect(readMetrics(column)).toEqual({
      task: 'classifier',
      output: 'label',
      testSet: 'tests/a.jsonl',
      testSha256: 'ab'.repeat(32),
      tolerance: { absolute: 1e-5, relative: 1e-5 },
    });
  });

  test('that lacks what a comparison needs says what', () => {
    for (const [field, value] of [
      ['task', 'ranker'],
      ['output', ''],
      ['test_set', null],
      ['test_sha256', 'abc'],
      ['tolerance', { absolute: -1 }],
    ] as const)
      expect(readMetrics({ ...column, [field]: value })).toEqual({
        missing: expect.stringContaining(`metrics.${field}`),
      });
    for (const value of [null, 'classifier', [column]])
      expect(readMetrics(value)).toEqual({ missing: 'metrics is no JSON object.' });
  });

  test('declares one part of a tolerance and gets the other', () => {
    expect(readTolerance({ tolerance: { absolute: 0.1 } })).toEqual({ absolute: 0.1, relative: 1e-5 });
    expect(readTolerance({ tolerance: { relative: 0 } })).toEqual({ absolute: 1e-5, relative: 0 });
    expect(readTolerance(null)).toEqual({ absolute: 1e-5, relative: 1e-5 });
    for (const tolerance of [{ absolute: '1' }, { relative: Number.POSITIVE_INFINITY }, { absolute: null }, 0.1])
      expect(readTolerance({ tolerance })).toBeUndefined();
  });
});
