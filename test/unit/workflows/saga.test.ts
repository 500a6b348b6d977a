import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common';
import { expect, test } from 'vitest';
import { Saga } from '../../../src/workflows/lib/saga.js';

function denied(): ActivityFailure {
  const cause = ApplicationFailure.nonRetryable('no rights');
  return new ActivityFailure('undo failed', 'undo', '1', RetryState.NON_RETRYABLE_FAILURE, undefined, cause);
}

test('undos run in reverse order of their registration, each once', async () => {
  const saga = new Saga<string>([]);
  for (const undo of ['slot', 'rows', 'slot', 'fence']) saga.register(undo);
  const done: string[] = [];
  expect(await saga.undoAll(async (undo) => void done.push(undo))).toEqual([]);
  expect(done).toEqual(['fence', 'rows', 'slot']);
});

test('an undo that fails keeps none of the others from running, and is returned with its reason', async () => {
  const saga = new Saga(['slot', 'rows', 'fence']);
  const done: string[] = [];
  const left = await saga.undoAll(async (undo) => {
    if (undo === 'rows') throw denied();
    done.push(undo);
  });
  expect(done).toEqual(['fence', 'slot']);
  expect(left).toEqual([{ undo: 'rows', reason: 'no rights' }]);
});

test('a defect of the plan is not taken for an undo that failed', async () => {
  const saga = new Saga(['rows']);
  await expect(saga.undoAll(() => Promise.reject(new TypeError('a defect')))).rejects.toThrow(TypeError);
});
