import { proxyActivities } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { type FailureReport, failureRule } from '../../base/failures.js';
import type { MigrationAction } from '../../domain/migration/migration.js';
import type { SteeringCommand } from '../lib/carried-run.js';
import { profiles } from '../lib/retry-profiles.js';
import type { MigrationRun } from '../lib/run.js';
import { compareEverything } from './comparing.js';

const { countRejects } = proxyActivities<Pick<LedgerSteps, 'countRejects'>>(profiles.ledgerWrite);
// Of as many rows as there are.
const { acceptRejects } = proxyActivities<Pick<LedgerSteps, 'acceptRejects'>>(profiles.tableScan);
const { repairRows, retryRejects } = proxyActivities<Pick<MigrationSteps, 'repairRows' | 'retryRejects'>>(
  profiles.stream,
);

/** Stages at which rows and items are moved: at first, or after a repair or a retry. */
export type MovingStage = 'copying' | 'verifying';

/**
 * Carries out the command of a person, at the stage at which the run rested. A `verify` is a check in the middle of the copy or
 * the items, which continue afterwards: where a verification follows anyway, the plan does not have it carried out.
 */
export function executeCommand(run: MigrationRun, command: SteeringCommand): Promise<void> {
  return run.carryCommand(command, async () => {
    if (command.action === 'verify') await checkMeanwhile(run);
    else await runAction(run, command, run.hasCompleted('copy') ? 'verifying' : 'copying');
  });
}

async function checkMeanwhile(run: MigrationRun): Promise<void> {
  await compareEverything(run, async () => undefined);
  // A change is refused in a state in which a verification was begun. The copy has a stage, and so a state, of its own.
  if (run.hasCompleted('copy')) await run.beginNextState();
}

async function runAction(run: MigrationRun, { action, request }: SteeringCommand, stage: MovingStage): Promise<void> {
  const { options } = run.input;
  const ids = request.ids ?? 'all';
  switch (action) {
    case 'rejects/retry':
      return untilFinished(() => run.step(stage, () => retryRejects(run.reference, options, ids)));
    case 'rejects/accept':
      await run.step(stage, () => acceptRejects(run.reference, ids, request.by, request.why ?? ''));
      return;
    case 'repair':
      return untilFinished(() => run.step(stage, () => repairRows(run.reference, options)));
    default:
      return;
  }
}

/** A worker that is shut down returns what it has not finished. */
async function untilFinished(work: () => Promise<{ finished: boolean }>): Promise<void> {
  for (;;) {
    const { finished } = await work();
    if (finished) return;
  }
}

/** Blocked by rejects: a person accepts them, or fixes the source and retries; then the plan counts again. Returns what the person chose. */
export async function handleRejects(run: MigrationRun, stage: MovingStage): Promise<MigrationAction> {
  const command = await run.block('too_many_rejects', await run.step(stage, () => describeRejects(run)));
  await executeCommand(run, command);
  return command.action;
}

async function describeRejects(run: MigrationRun): Promise<FailureReport> {
  const rejects = await countRejects(run.reference);
  run.display.showRejects(rejects);
  const { open, topReasons } = rejects;
  const reasons = topReasons.map(({ reason, count }) => `${reason} ${count}`).join(', ');
  const message = `${open} rows were rejected, more than the limit of ${run.input.options.reject_limit_percent} %: ${reasons}.`;
  const hint = failureRule('too_many_rejects').hint.replaceAll('ID', run.reference.migrationId);
  return { type: 'too_many_rejects', message, hint };
}
