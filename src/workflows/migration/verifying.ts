import { proxyActivities } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { type FailureReport, failureRule } from '../../base/failures.js';
import { kindEntry } from '../../domain/catalog.js';
import { profiles } from '../lib/retry-profiles.js';
import type { MigrationRun } from '../lib/run.js';
import { compareEverything, type VerificationVerdict } from './comparing.js';
import { hasTooManyRejects } from './copying.js';
import { executeCommand, handleRejects } from './execute-command.js';

const { countRejects } = proxyActivities<Pick<LedgerSteps, 'countRejects'>>(profiles.ledgerWrite);
const { passOverChanges } = proxyActivities<Pick<MigrationSteps, 'passOverChanges'>>(profiles.stream);

/**
 * Verified and at rest; each command is carried out and the data verified again, until the migration is accepted. `prepare` runs before
 * each verification, since a repair or a retry may have left it something to do.
 */
export async function restUntilComplete(
  run: MigrationRun,
  prepare: () => Promise<void> = async () => undefined,
): Promise<void> {
  for (;;) {
    await run.once('verify', () => verifyUntilClean(run, prepare));
    const command = await run.rest('verified', await hasOpenRejects(run));
    if (command.action === 'complete') return;
    if (command.action !== 'rejects/accept') run.redo('verify');
    if (command.action !== 'verify') await executeCommand(run, command);
    await run.renewHistory();
  }
}

/**
 * Compares every row; a mismatch blocks until a repair, a retry or another comparison finds both sides equal. Where legacy was written
 * while rows were compared, they are passed over and compared again, a few times.
 */
async function verifyUntilClean(run: MigrationRun, prepare: () => Promise<void>): Promise<void> {
  for (let repeats = 0; ; ) {
    // In the middle of a verification, as after a continue-as-new, nothing is left to prepare, and the ledger refuses changes.
    if (run.verificationId === undefined) {
      await passOverLegacy(run);
      await prepare();
    }
    const verdict = await compareEverything(run, () => run.renewHistory());
    if (verdict.clean) return;
    if (repeats < maxRepeats && (await legacyChangedMeanwhile(run))) {
      repeats++;
      continue;
    }
    const command = await run.block('verification_mismatch', describeMismatch(run.reference.migrationId, verdict));
    if (command.action !== 'verify') await executeCommand(run, command);
    await run.renewHistory();
    repeats = 0;
  }
}

/** Of a table that is written all the time each verification ends with a difference. */
const maxRepeats = 4;

/** The ledger refuses changes in the state in which a verification was begun: what follows has a state of its own. */
async function legacyChangedMeanwhile(run: MigrationRun): Promise<boolean> {
  if (kindEntry(run.input.kind).passes !== true) return false;
  await run.beginNextState();
  return (await passOverLegacy(run)) > 0;
}

/** Returns in how many ranges legacy had changed something since the newest verification began. */
async function passOverLegacy(run: MigrationRun): Promise<number> {
  const { kind, options } = run.input;
  if (kindEntry(kind).passes !== true) return 0;
  for (;;) {
    const { finished, changedRanges } = await run.step('verifying', () => passOverChanges(run.reference, options));
    while (await run.step('verifying', () => hasTooManyRejects(run))) await handleRejects(run, 'verifying');
    if (finished) return changedRanges;
  }
}

async function hasOpenRejects(run: MigrationRun): Promise<boolean> {
  const rejects = await run.step('verifying', () => countRejects(run.reference));
  run.display.showRejects(rejects);
  return rejects.open > 0;
}

function describeMismatch(
  migrationId: string,
  { mismatched, compared, examples, disagreement }: VerificationVerdict,
): FailureReport {
  const some = examples.map(({ id, field }) => `id ${id} ${field}`).join(', ');
  const differ = `${mismatched} of ${compared} rows differ between legacy and cube: ${some}${mismatched > examples.length ? ', …' : ''}.`;
  const sentences = [...(mismatched > 0 || disagreement === undefined ? [differ] : []), disagreement ?? []].flat();
  return {
    type: 'verification_mismatch',
    message: sentences.join(' '),
    hint: failureRule('verification_mismatch').hint.replaceAll('ID', migrationId),
  };
}
