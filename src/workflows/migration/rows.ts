import { proxyActivities } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { type FailureReport, failureRule } from '../../base/failures.js';
import type { MigrationInput } from '../../domain/migration/migration.js';
import { passesRejectLimit } from '../../domain/migration/reject-limit.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import { longLooks, longSteps, shortSteps, untilDone } from '../lib/options.js';
import type { CarriedRun, MigrationRun, SteeringCommand } from '../lib/run.js';
import { type MigrationOutcome, runMigration } from '../lib/run-migration.js';
import { taskGroup } from '../lib/task-group.js';

const steps = proxyActivities<Omit<LedgerSteps, 'openRanges'>>(shortSteps);
const { preflight } = proxyActivities<Pick<MigrationSteps, 'preflight'>>(longLooks);
const { openRanges } = proxyActivities<Pick<LedgerSteps, 'openRanges'>>(untilDone);
const rows = proxyActivities<Omit<MigrationSteps, 'preflight'>>(longSteps);

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
    await run.step('done', () => steps.finalize(run.reference));
  });
}

/** Lanes copy side by side, round after round, until the source is exhausted and the rejects are within their limit. */
async function copyEverything(run: MigrationRun): Promise<void> {
  for (;;) {
    const finished = await run.step('copying', () => copyRound(run));
    if (finished === 'too_many_rejects') await handleRejects(run);
    else if (finished === 'exhausted') return;
    await run.renewHistory();
  }
}

async function copyRound(run: MigrationRun): Promise<'exhausted' | 'more' | 'too_many_rejects'> {
  const { options } = run.input;
  await openRanges(run.reference);
  const lanes = Array.from(
    { length: options.lanes },
    (_, lane) => () => rows.copyLane({ ...run.reference, lane, options, estimatedRows: run.estimatedRows }),
  );
  const rounds = await taskGroup(lanes);
  for (const round of rounds) run.addProgress(round);
  if (rounds.some(({ outcome }) => outcome.kind === 'too_many_rejects')) return 'too_many_rejects';
  if (!rounds.every(({ outcome }) => outcome.kind === 'source_exhausted')) return 'more';
  const { migrated, rejected } = await steps.countCopied(run.reference);
  const { open } = await steps.countRejects(run.reference);
  const processed = migrated + rejected;
  return passesRejectLimit({ open, processed, estimated: 0 }, options.reject_limit_percent)
    ? 'too_many_rejects'
    : 'exhausted';
}

/** Blocked by rejects: a person accepts them, or mends the source and retries; then the copy looks again. */
async function handleRejects(run: MigrationRun): Promise<void> {
  const asked = await run.block('too_many_rejects', await run.step('copying', () => describeRejects(run)));
  await executeCommand(run, asked);
}

/** Compares every row; a mismatch blocks until a repair, a retry or another look finds both sides equal. */
async function verifyUntilClean(run: MigrationRun): Promise<void> {
  for (;;) {
    const verdict = await compareEverything(run, () => run.renewHistory());
    if (verdict.clean) return;
    const asked = await run.block('verification_mismatch', describeMismatch(verdict));
    await executeCommand(run, asked);
    await run.renewHistory();
  }
}

type VerifyRound = Awaited<ReturnType<MigrationSteps['verifyRows']>>;
type Verdict = Extract<VerifyRound, { kind: 'concluded' }>['verdict'];

async function compareEverything(run: MigrationRun, betweenRounds: () => Promise<void>): Promise<Verdict> {
  run.verificationId ??= await run.step('verifying', () => steps.startVerification(run.reference));
  const { verificationId } = run;
  for (;;) {
    const round = await run.step('verifying', () => rows.verifyRows(run.reference, verificationId));
    if (round.kind === 'concluded') {
      run.verificationId = undefined;
      return round.verdict;
    }
    await betweenRounds();
  }
}

/** Verified and at rest; whatever is asked is carried out and verified again, until the migration is accepted. */
async function restUntilComplete(run: MigrationRun): Promise<void> {
  for (;;) {
    await run.once('verify', () => verifyUntilClean(run));
    const asked = await run.rest('verified', await hasOpenRejects(run));
    if (asked.action === 'complete') return;
    if (asked.action !== 'rejects/accept') run.redo('verify');
    await executeCommand(run, asked);
    await run.renewHistory();
  }
}

async function hasOpenRejects(run: MigrationRun): Promise<boolean> {
  const { open } = await run.step('verifying', () => steps.countRejects(run.reference));
  return open > 0;
}

/** Carries out what a person asked for at a rest, at the stage that the run was at. */
function executeCommand(run: MigrationRun, asked: SteeringCommand): Promise<void> {
  return run.executeCommand(asked, async () => {
    if (run.hasCompleted('copy')) await carryOut(run, asked, 'verifying');
    // A look in the middle of the copy, which goes on afterwards.
    else if (asked.action === 'verify') await compareEverything(run, async () => undefined);
    else await carryOut(run, asked, 'copying');
  });
}

async function carryOut(
  run: MigrationRun,
  { action, request }: SteeringCommand,
  stage: 'copying' | 'verifying',
): Promise<void> {
  const { options } = run.input;
  const ids = request.ids ?? 'all';
  switch (action) {
    case 'rejects/retry':
      return untilFinished(() => run.step(stage, () => rows.retryRejects(run.reference, options, ids)));
    case 'rejects/accept':
      await run.step(stage, () => steps.acceptRejects(run.reference, ids, request.by, request.why ?? ''));
      return;
    case 'repair':
      return untilFinished(() => run.step(stage, () => rows.repairRows(run.reference, options)));
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

async function describeRejects(run: MigrationRun): Promise<FailureReport> {
  const { open, topReasons } = await steps.countRejects(run.reference);
  const reasons = topReasons.map(({ reason, count }) => `${reason} ${count}`).join(', ');
  const message = `${open} rows were rejected, more than the limit of ${run.input.options.reject_limit_percent} %: ${reasons}.`;
  return { type: 'too_many_rejects', message, hint: failureRule('too_many_rejects').hint };
}

function describeMismatch({ mismatched, compared, examples, disagreement }: Verdict): FailureReport {
  const some = examples.map(({ id, field }) => `id ${id} ${field}`).join(', ');
  const differ = `${mismatched} of ${compared} rows differ between legacy and cube: ${some}${mismatched > examples.length ? ', …' : ''}.`;
  const sentences = [...(mismatched > 0 || disagreement === undefined ? [differ] : []), disagreement ?? []].flat();
  return {
    type: 'verification_mismatch',
    message: sentences.join(' '),
    hint: failureRule('verification_mismatch').hint,
  };
}
