import { condition, defineUpdate, setHandler } from '@temporalio/workflow';

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
