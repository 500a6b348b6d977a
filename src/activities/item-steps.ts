import { Failure, toFailure } from '../base/failures.js';
import { shortened } from '../base/shortened.js';
import type { MigrationKind } from '../domain/catalog.js';
import { type ItemOutcome, type ItemRef, itemName, itemSteps, type RejectedItem } from '../domain/migration/items.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import type { Kind, KindItems } from '../kinds/kind.js';
import { atSide } from '../postgres/databases.js';
import { beginItemStep, endItemStep } from '../postgres/ledger/item-claims.js';
import { recordDetail, unfitDetail } from '../postgres/ledger/item-details.js';
import { itemsToUndo, type UndoScope } from '../postgres/ledger/items-to-undo.js';
import { unfinishedItems } from '../postgres/ledger/unfinished-items.js';
import type { ActivityDependencies } from './dependencies.js';
import { undoItemSteps } from './items-of-rows.js';
import { createKindDispatch } from './kind-dispatch.js';
import { type GivesUp, isPassing } from './retry-limits.js';

export interface ItemPage {
  readonly items: readonly ItemRef[];
  /** The id behind which the next page begins; null behind the last item. */
  readonly next: string | null;
}

const itemsOfPage = 1000;
/** Of a detail as it passes through the histories of an item and of its run. */
const maxDetail = 200;

/** The steps of single items, by kind. What was done is in the ledger before the step that follows begins. */
export function createItemSteps(deps: ActivityDependencies, registry: Readonly<Record<MigrationKind, Kind>>) {
  const { byKind, retryLimits } = createKindDispatch(deps, registry);
  return {
    /** Up to `max` items behind `after` whose rows are the kind's and that this run has not taken through all their steps. */
    listItems: (run: RunReference, after: string | null, max: number): Promise<ItemPage> =>
      byKind(run, async (kind, step) => {
        const { list } = itemsOf(run, kind);
        let from = after;
        for (;;) {
          const page = await list(run, from, itemsOfPage, step);
          const { cube } = step.databases;
          const left = await atSide('cube', () => unfinishedItems(cube, run, page, itemSteps(run.kind)));
          const items = left.slice(0, max);
          if (left.length > max) return { items, next: items.at(-1)?.id ?? null };
          const last = page.at(-1)?.id ?? null;
          if (page.length < itemsOfPage) return { items, next: null };
          if (items.length > 0) return { items, next: last };
          from = last;
          step.reportProgress({ position: from });
        }
      }),

    /** Makes one step of an item, or finds it made; registered for undo before it runs. */
    runItemStep: (run: RunReference, item: ItemRef, name: string): Promise<ItemOutcome> =>
      byKind(
        run,
        async (kind, step) => {
          const { cube } = step.databases;
          const place = itemSteps(run.kind).indexOf(name);
          const claim = await atSide('cube', () => beginItemStep(cube, run, item, name, place));
          if (claim === undefined) return { kind: 'done' };
          const outcome = await itemsOf(run, kind).do(claim, step);
          if (outcome.kind === 'done') {
            await atSide('cube', () => endItemStep(cube, claim, 'done'));
            return outcome;
          }
          await atSide('cube', () => recordDetail(cube, claim, outcome.detail));
          return { ...outcome, detail: shortened(outcome.detail, maxDetail) };
        },
        overtakenOr(retryLimits.step(run.migrationId)),
      ),

    /** The undo of one item: its steps in reverse order, those that were begun alone. */
    undoItem: (run: RunReference, item: ItemRef): Promise<void> =>
      byKind(run, (kind, step) => undoItemSteps(run, itemsOf(run, kind), item, step), overtakenOr(retryLimits.undo)),

    /** The rows of items that a step found unfit leave the cube and become rejects, with the detail that is on record. */
    rejectItems: (run: RunReference, rejected: readonly RejectedItem[]): Promise<void> =>
      byKind(run, async (kind, step) => {
        const { cube } = step.databases;
        const whole: RejectedItem[] = [];
        for (const one of rejected) {
          const detail = await atSide('cube', () => unfitDetail(cube, run, one.item));
          whole.push({ ...one, detail: detail ?? one.detail });
        }
        await itemsOf(run, kind).reject(run, whole, step);
      }),

    /**
     * The undo of all items, or of those alone that are in the middle of their steps. One that fails does not stop the others.
     * Throws a failure that may pass, so that the undo is tried again, else `undo_incomplete` with what is left.
     */
    undoItems: (run: RunReference, scope: UndoScope): Promise<void> =>
      byKind(
        run,
        async (kind, step) => {
          const { cube } = step.databases;
          const left: string[] = [];
          let passing: Failure | undefined;
          let after: ItemRef | undefined;
          for (;;) {
            const from = after;
            const page = await atSide('cube', () =>
              itemsToUndo(cube, run, scope, itemSteps(run.kind), from, itemsOfPage),
            );
            for (const item of page) {
              await undoItemSteps(run, itemsOf(run, kind), item, step).catch((error: unknown) => {
                if (step.signal.aborted) throw error;
                const failure = toFailure(error);
                if (isPassing(failure)) passing = failure;
                left.push(`${itemName(run.kind, item)} (${failure.message})`);
              });
              step.reportProgress({ position: item.id });
            }
            after = page.at(-1);
            if (page.length < itemsOfPage) break;
          }
          if (passing !== undefined) throw passing;
          if (left.length > 0) throw leftOver(left);
        },
        retryLimits.undo,
      ),
  };
}

/** An item's workflow knows the run in one state only: once the run has gone on, its plan starts the item again in the present one. */
function overtakenOr(givesUp: GivesUp): GivesUp {
  return (failure) => (failure.type === 'claim_lost' ? failure : givesUp(failure));
}

export type ItemSteps = ReturnType<typeof createItemSteps>;

function itemsOf({ kind: name }: RunReference, { items }: Kind): KindItems {
  if (items === undefined) throw new Failure('unexpected', `The kind ${name} has no items.`);
  return items;
}

const maxNamed = 5;

function leftOver(left: readonly string[]): Failure {
  const some = left.slice(0, maxNamed).join(', ');
  return new Failure(
    'undo_incomplete',
    `${left.length} items were not undone: ${some}${left.length > maxNamed ? ', …' : ''}.`,
  );
}
