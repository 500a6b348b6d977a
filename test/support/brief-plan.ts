import { ApplicationFailure, condition, defineSignal, defineUpdate, setHandler } from '@temporalio/workflow';
import { planIsEndingType } from '../../src/domain/plan-requests.js';

const begin = defineUpdate<string, [object]>('begin');

/** A plan that ends with the answer to its update: the server drops an update whose task would end a plan to which something happened meanwhile. */
export async function briefPlan(): Promise<void> {
  let isBegun = false;
  setHandler(begin, () => {
    isBegun = true;
    return 'it has begun';
  });
  await condition(() => isBegun);
}

/** A plan that has done its work, refuses its update for that, and ends at the signal `end`; the plan after it answers. */
export async function endingPlan(isEnding: boolean): Promise<void> {
  if (!isEnding) return briefPlan();
  let isOver = false;
  const validator = (_request: object) => {
    throw ApplicationFailure.create({ type: planIsEndingType, message: 'It is about to end.', nonRetryable: true });
  };
  setHandler(begin, () => 'it was refused', { validator });
  setHandler(defineSignal('end'), () => {
    isOver = true;
  });
  await condition(() => isOver);
}
