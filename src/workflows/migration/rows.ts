import { proxyActivities } from '@temporalio/workflow';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import type { MigrationInput } from '../../domain/migration/migration.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import type { CarriedRun } from '../lib/carried-run.js';
import { profiles } from '../lib/retry-profiles.js';
import { type MigrationOutcome, runMigration } from '../lib/run-migration.js';
import { copyEverything } from './copying.js';
import { executeCommand } from './execute-command.js';
import { restUntilComplete } from './verifying.js';

// `finalize` is one transaction over all batches.
const { preflight, finalize } = proxyActivities<Pick<MigrationSteps, 'preflight' | 'finalize'>>(profiles.tableScan);

/** Moves a kind that consists of rows from legacy into its cube: the plan, from top to bottom. */
export async function rowsMigration(
  input: MigrationInput,
  carried?: CarriedRun | null,
  proof?: RequestProof,
): Promise<MigrationOutcome> {
  return runMigration(input, carried ?? undefined, proof, async (run) => {
    // Before preflight already: what an earlier run of the kind left is undone by a rollback at any stage.
    run.saga.register('removeMovedRows');
    await run.begin();
    await run.once('preflight', async () => {
      const { estimatedRows } = await run.step('preflight', () => preflight(run.reference));
      run.estimatedRows = estimatedRows;
    });
    if (run.commandInProgress !== undefined) await executeCommand(run, run.commandInProgress);
    await run.once('copy', () => copyEverything(run));
    await run.once('accepted', () => restUntilComplete(run));
    await run.step('done', () => finalize(run.reference));
  });
}
