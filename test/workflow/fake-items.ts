import type { ItemRef } from '../../src/domain/migration/items.js';
import type { FakeLedger } from './fake-ledger.js';
import type { PlanRun } from './plan-server.js';

/** Items of the tests' kind. */
export function itemsOf(...ids: number[]): ItemRef[] {
  return ids.map((id) => ({ table: 'talismans', id: String(id) }));
}

/** A kind with `count` items, whose finished ones are listed no more. */
export function withItems(ledger: FakeLedger, count: number): { readonly done: Set<string> } {
  const done = new Set<string>();
  const all = itemsOf(...Array.from({ length: count }, (_, place) => place + 1));
  ledger.answer('listItems', async (_run, after, max) => {
    const left = all.filter(({ id }) => Number(id) > Number(after ?? 0) && !done.has(id));
    const items = left.slice(0, max);
    return { items, next: left.length > max ? (items.at(-1)?.id ?? null) : null };
  });
  ledger.answer('runItemStep', async (_run, item, step) => {
    if (step === 'publish') done.add(item.id);
    return { kind: 'done' };
  });
  return { done };
}

/** What was done to items, in order: `5 store`. */
export function itemSteps({ ledger }: PlanRun): string[] {
  return ledger.calls.flatMap(({ name, args }) =>
    name === 'runItemStep' ? [`${(args[1] as ItemRef).id} ${String(args[2])}`] : [],
  );
}
