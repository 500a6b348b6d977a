import type { MigrationKind } from '../domain/catalog.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import { noAssets } from '../kinds/assets.js';
import type { Kind, StepContext } from '../kinds/kind.js';
import { atSide } from '../postgres/databases.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import type { ActivityDependencies } from './dependencies.js';
import { guarded } from './guard.js';
import { heartbeating } from './heartbeat.js';
import { createItemsOfRows } from './items-of-rows.js';
import { recordingRetries } from './record-retried-failure.js';
import { type GivesUp, RetryLimits } from './retry-limits.js';

/** Has steps carried out by `registry[run.kind]`: heartbeating, with their failures typed and their retries on record. */
export function createKindDispatch(
  { databases, worker, reach, assets = noAssets }: ActivityDependencies,
  registry: Readonly<Record<MigrationKind, Kind>>,
) {
  const checkLedger = createLedgerCheck(databases.cube);
  const retryLimits = new RetryLimits();

  function byKind<T>(
    run: RunReference,
    work: (kind: Kind, step: StepContext) => Promise<T>,
    givesUp: GivesUp = retryLimits.step(run.migrationId),
    { checksLedger = true, isShort = false } = {},
  ): Promise<T> {
    return guarded(
      () =>
        recordingRetries(databases, run, () =>
          heartbeating(
            databases,
            async ({ databases, reportProgress, signal }) => {
              if (checksLedger) await atSide('cube', checkLedger);
              const kind = registry[run.kind];
              const itemsOfRows = createItemsOfRows(run, kind.items, () => step);
              const step: StepContext = { databases, worker, signal, reach, reportProgress, itemsOfRows, assets };
              return work(kind, step);
            },
            { isShort },
          ),
        ),
      { givesUp },
    );
  }

  return { byKind, retryLimits };
}
