import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { Saga } from '../../../../src/workflows/lib/saga.js';

type Undo = 'dropSlot' | 'removeRows' | 'openFence';

function failing(reason: string): ActivityFailure {
  const cause = ApplicationFailure.nonRetryable(reason, 'cube_unreachable');
  return new ActivityFailure('Activity task failed', 'removeRows', '1', RetryState.TIMEOUT, 'worker', cause);
}

function registered(): Saga<Undo> {
  const saga = new Saga<Undo>([]);
  for (const undo of ['dropSlot', 'removeRows', 'openFence'] as const) saga.register(undo);
  return saga;
}

describe('undos', () => {
  test('are carried out in reverse, one after the other', async () => {
    const order: string[] = [];
    const left = await registered().undoAll(async (undo) => {
      order.push(`${undo} begins`);
      await Promise.resolve();
      order.push(`${undo} ends`);
    });
    expect(left).toEqual([]);
    expect(order).toEqual(
      ['openFence', 'removeRows', 'dropSlot'].flatMap((undo) => [`${undo} begins`, `${undo} ends`]),
    );
  });

  test('that are registered again keep their first place', async () => {
    const saga = registered();
    saga.register('dropSlot');
    const order: string[] = [];
    await saga.undoAll(async (undo) => void order.push(undo));
    expect(order).toEqual(['openFence', 'removeRows', 'dropSlot']);
  });

  test('go on after one that fails, which is reported with its reason', async () => {
    const order: string[] = [];
    const left = await registered().undoAll(async (undo) => {
      order.push(undo);
      if (undo === 'removeRows') throw failing('The cube database cannot be reached.');
    });
    expect(order).toEqual(['openFence', 'removeRows', 'dropSlot']);
    expect(left).toEqual([{ undo: 'removeRows', reason: 'The cube database cannot be reached.' }]);
  });

  test('that all fail are all reported, in the order of their attempts', async () => {
    const left = await registered().undoAll(async (undo) => {
      throw failing(`${undo} did not work.`);
    });
    expect(left.map(({ undo }) => undo)).toEqual(['openFence', 'removeRows', 'dropSlot']);
  });

  test('are reported without a known cause, too', async () => {
    const lost = new ActivityFailure('Activity task timed out', 'removeRows', '1', RetryState.TIMEOUT, 'worker');
    const left = await new Saga<Undo>(['removeRows']).undoAll(async () => {
      throw lost;
    });
    expect(left).toEqual([{ undo: 'removeRows', reason: 'Activity task timed out' }]);
  });

  test('leave a defect of the plan itself to Temporal, which tries the task again', async () => {
    const defect = new TypeError('undos[undo] is not a function');
    const undoing = registered().undoAll(async () => {
      throw defect;
    });
    await expect(undoing).rejects.toBe(defect);
  });

  test('survive a continue-as-new by name', async () => {
    const carried = JSON.parse(JSON.stringify(registered().undos)) as Undo[];
    const order: string[] = [];
    await new Saga(carried).undoAll(async (undo) => void order.push(undo));
    expect(order).toEqual(['openFence', 'removeRows', 'dropSlot']);
  });

  test('can be carried out again', async () => {
    const saga = registered();
    let undone = 0;
    const count = async () => void undone++;
    await saga.undoAll(count);
    await saga.undoAll(count);
    expect(undone).toBe(6);
  });
});
