import type { ItemRef } from '../domain/migration/items.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import { type ConfirmClaim, type ItemsOfRows, noItems } from '../kinds/items-of-rows.js';
import type { KindItems, StepContext } from '../kinds/kind.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import { claimItemUndo, endItemStep } from '../postgres/ledger/item-claims.js';
import { itemsAmong, notUndoneAmong } from '../postgres/ledger/items-to-undo.js';
import { reopenItems } from '../postgres/ledger/unfinished-items.js';

/** `step` gives the context that the undo of a step gets. */
export function createItemsOfRows(
  run: RunReference,
  items: KindItems | undefined,
  step: () => StepContext,
): ItemsOfRows {
  if (items === undefined) return noItems;
  return {
    undo: async (table, ids, confirm) => {
      const { cube } = step().databases;
      for (let after: string | undefined; ; ) {
        const from: string | undefined = after;
        const page = await atSide('cube', () => itemsAmong(cube, run, table, ids, from, itemsAtOnce));
        for (const id of page) {
          await undoItemSteps(run, items, { table, id }, step(), confirm);
          step().reportProgress({ position: id });
        }
        after = page.at(-1);
        if (after === undefined) return;
      }
    },
    notUndone: (client, table, ids) => notUndoneAmong(client, run, table, ids),
    reopen: (table, ids, confirm) =>
      atSide('cube', () =>
        inTransaction(step().databases.cube, async (client) => {
          await client.query(boundedIdleSql);
          await confirm(client);
          await reopenItems(client, run, table, ids);
        }),
      ),
  };
}

/** Undoes the steps of an item that were begun, the last first. With `confirm` no undo begins that its caller's claim does not cover. */
export async function undoItemSteps(
  run: RunReference,
  items: KindItems,
  item: ItemRef,
  step: StepContext,
  confirm: ConfirmClaim = async () => undefined,
): Promise<void> {
  const { cube } = step.databases;
  const claims = await atSide('cube', () =>
    inTransaction(cube, async (client) => {
      await client.query(boundedIdleSql);
      await confirm(client);
      return claimItemUndo(client, run, item);
    }),
  );
  for (const claim of claims) {
    await items.undo(claim, step);
    await atSide('cube', () => endItemStep(cube, claim, 'undone'));
  }
}

const itemsAtOnce = 1000;

/** A worker that is frozen between two statements must not hold the run's row for longer. */
const boundedIdleSql = "set local idle_in_transaction_session_timeout = '15s'";
