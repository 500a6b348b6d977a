import { proxyActivities } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { profiles } from '../lib/retry-profiles.js';
import type { MigrationRun } from '../lib/run.js';

const { startVerification } = proxyActivities<Pick<LedgerSteps, 'startVerification'>>(profiles.ledgerWrite);
const { verifyRows } = proxyActivities<Pick<MigrationSteps, 'verifyRows'>>(profiles.stream);

type VerifyRound = Awaited<ReturnType<MigrationSteps['verifyRows']>>;
export type VerificationVerdict = Extract<VerifyRound, { kind: 'concluded' }>['verdict'];

/** Compares both databases, round after round; one that was begun is gone on with. */
export async function compareEverything(
  run: MigrationRun,
  betweenRounds: () => Promise<void>,
): Promise<VerificationVerdict> {
  run.verificationId ??= await run.step('verifying', () => startVerification(run.reference));
  const { verificationId } = run;
  for (;;) {
    const round = await run.step('verifying', () => verifyRows(run.reference, verificationId));
    if (round.kind === 'concluded') {
      run.verificationId = undefined;
      run.display.showComparison(round.verdict);
      return round.verdict;
    }
    await betweenRounds();
  }
}
