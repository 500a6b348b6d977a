import { proxyActivities } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { passesRejectLimit } from '../../domain/migration/reject-limit.js';
import { profiles } from '../lib/retry-profiles.js';
import type { MigrationRun } from '../lib/run.js';
import { taskGroup } from '../lib/task-group.js';
import { handleRejects } from './execute-command.js';

const steps = proxyActivities<Pick<LedgerSteps, 'countCopied' | 'countRejects'>>(profiles.ledgerWrite);
const { releaseRanges } = proxyActivities<Pick<LedgerSteps, 'releaseRanges'>>(profiles.ledgerWrite);
const { copyLane } = proxyActivities<Pick<MigrationSteps, 'copyLane'>>(profiles.stream);

/** Lanes copy at the same time, round after round, until the source is exhausted and the rejects are within their limit. */
export async function copyEverything(run: MigrationRun): Promise<void> {
  for (;;) {
    const finished = await run.step('copying', () => copyRound(run));
    if (finished === 'too_many_rejects') await handleRejects(run, 'copying');
    else if (finished === 'exhausted') return;
    await run.renewHistory();
  }
}

async function copyRound(run: MigrationRun): Promise<'exhausted' | 'more' | 'too_many_rejects'> {
  const { options } = run.input;
  await releaseRanges(run.reference);
  const lanes = Array.from(
    { length: options.lanes },
    (_, lane) => () => copyLane({ ...run.reference, lane, options, estimatedRows: run.estimatedRows }),
  );
  const rounds = await taskGroup(lanes);
  for (const round of rounds) run.display.addProgress(round);
  if (rounds.some(({ outcome }) => outcome.kind === 'too_many_rejects')) return 'too_many_rejects';
  if (!rounds.every(({ outcome }) => outcome.kind === 'source_exhausted')) {
    if (rounds.some(({ rejected }) => rejected > 0)) run.display.showRejects(await steps.countRejects(run.reference));
    return 'more';
  }
  return (await hasTooManyRejects(run)) ? 'too_many_rejects' : 'exhausted';
}

/** Of a run whose source is exhausted: the limit is of what was counted. */
export async function hasTooManyRejects(run: MigrationRun): Promise<boolean> {
  const { migrated, rejected } = await steps.countCopied(run.reference);
  run.display.showCounts({ migrated, rejected });
  const rejects = await steps.countRejects(run.reference);
  run.display.showRejects(rejects);
  const { open } = rejects;
  const processed = migrated + rejected;
  return passesRejectLimit({ open, processed, estimated: 0 }, run.input.options.reject_limit_percent);
}
