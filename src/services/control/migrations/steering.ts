import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../../base/failures.js';
import {
  endsRun,
  isKept,
  isMigrationId,
  type KeptCommand,
  type MigrationAction,
  type MigrationView,
  type SteeringRequest,
} from '../../../domain/migration/migration.js';
import { commandsAfterEnd, commandsOfActions } from '../../../domain/migration/next-commands.js';
import { isNamed } from '../../../domain/migration/reject-selection.js';
import { appendAudit } from '../../../postgres/audit.js';
import {
  dropPending,
  findCommand,
  readKeptCommand,
  readLastEvent,
  readStateSequence,
  recordPending,
  supersedeLostPlan,
} from '../../../postgres/ledger/run-state.js';
import { readStart } from '../../../postgres/ledger/runs.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';
import { hintingCommands, hintOf, notPossible } from '../temporal/possible-commands.js';
import { knownMigration } from './views.js';

/**
 * Sends a command to the plan, which has the last word: one that does not fit now is refused with those that do. Returns the run
 * in the state that the command brought, or as it is when that takes longer than 2.5 seconds.
 */
export async function steer(
  deps: ControlDependencies,
  call: FastifyRequest,
  id: string,
  action: MigrationAction,
  request: SteeringRequest,
): Promise<MigrationView> {
  const view = await knownMigration(deps, id);
  // Only an ended run is refused on the ledger's word: while one lives, the plan may be a moment ahead of it.
  if (view.finished_at !== null) throw ended(view, action);
  if (!isMigrationId(id)) throw new Failure('not_found', `There is no migration ${id.slice(0, 80)}.`);
  const act = { action: `migration.${action}`, subject: id, details: auditDetails(view, request) };
  const commandsOf = (actions: readonly string[]) => commandsOfActions(id, actions, view.progress.rejected > 0);
  const send = async () => {
    const lastEvent = await readLastEvent(deps.cube, id);
    const sequence = await readStateSequence(deps.cube, id);
    const answer = await deps.workflows.steer(view.kind, id, action, request);
    const progress = answer === 'no_plan' ? await startAgain(deps, id, action, request, sequence) : answer;
    if (progress === 'accepted') await putOnRecord(deps, id, action, request, lastEvent);
  };
  await hintingCommands(commandsOf, () => audited(deps, call, act, send));
  return knownMigration(deps, id);
}

const recordMillis = 3000;
const recordAgainMillis = 100;

/**
 * Makes the ledger show a command that the plan accepted and has not applied yet: the plan notes it itself, but may be lost before,
 * and its caller must not take for accepted what no record names. Throws where another command took its place, and where the
 * ledger cannot be written soon.
 */
async function putOnRecord(
  { cube }: ControlDependencies,
  id: string,
  action: MigrationAction,
  request: SteeringRequest,
  lastEvent: string,
): Promise<void> {
  const deadline = Date.now() + recordMillis;
  const attempt = async (): Promise<boolean> => {
    // Read first: a state that applies the command in the meantime has a later number, and the note changes nothing.
    const sequence = Number(await readStateSequence(cube, id));
    const { isShown, wayOut } = await findCommand(cube, id, action, lastEvent);
    if (isShown) return true;
    if (wayOut !== null) throw notPossible(`${action} is not possible: the migration is about to ${wayOut}.`, []);
    await recordPending(cube, { migrationId: id, sequence }, action, request);
    return false;
  };
  while (Date.now() < deadline) {
    const late = sleep(deadline - Date.now(), 'late' as const, { ref: false });
    if ((await Promise.race([attempt(), late])) === true) return;
    await sleep(recordAgainMillis);
  }
  throw new Failure(
    'temporal_unreachable',
    `The plan accepted ${action}, but the ledger could not be written in time; it may still be carried out.`,
    {
      hint: `Look at the migration with \`cubeshift migrate status ${id}\`, and repeat ${action} where it is not pending.`,
    },
  );
}

const numbersLeftFree = 100;

/**
 * The ledger has an unfinished run and Temporal no plan for it: an operator terminated it there, or Temporal lost its data.
 * The ledger is enough to go on from. The plan starts again only at a person's command, since it may have been terminated on purpose.
 */
async function startAgain(
  deps: ControlDependencies,
  id: string,
  action: MigrationAction,
  request: SteeringRequest,
  seen: string,
): Promise<'applied' | 'accepted'> {
  // Read after Temporal's answer: a plan that ended in good order recorded its end before.
  const view = await knownMigration(deps, id);
  if (view.finished_at !== null) throw ended(view, action);
  const ways: readonly MigrationAction[] =
    view.stage === 'rolling_back' ? ['rollback'] : ['resume', 'cancel', 'rollback'];
  if (!ways.includes(action))
    throw notPossible(`The plan of this migration is not in Temporal any more; ${ways[0]} starts it again.`, ways);
  const { pending } = view;
  // Its caller knows that it was accepted.
  if (pending !== null && endsRun(pending) && action !== pending)
    throw notPossible(`The plan of this migration was lost when it was about to ${pending}.`, [pending]);
  const command = await readKeptCommand(deps.cube, id);
  if (action === 'resume') await refuseOnceWhereLost(deps, view, command, ways);
  await supersedeLostPlan(deps.cube, id, seen);
  // Of requests at once each may have given the run a number before the plan records its first.
  const from = { stage: view.stage, sequence: Number(await readStateSequence(deps.cube, id)) + numbersLeftFree };
  // The control API did not end it; the audit records that once, however often a request finds no plan.
  await appendAudit(deps.cube, {
    actor: 'temporal',
    action: 'plan.lost.outside',
    subject: view.workflow_id,
    details: { kind: view.kind, ...from, once: `${id}/after-event-${await readLastEvent(deps.cube, id)}` },
  });
  const answer = await deps.workflows.startAgain(
    await readStart(deps.cube, id),
    command === undefined ? from : { ...from, commandInProgress: command },
    action,
    request,
  );
  if (answer === 'ended') throw ended(await knownMigration(deps, id), action);
  return answer;
}

/**
 * A `complete` that the lost plan had accepted is not carried out by the plan that is started again: that compares both sides first, and a
 * person decides on what it finds. The first `resume` is refused with this, and removes the note that it is pending.
 */
async function refuseOnceWhereLost(
  { cube }: ControlDependencies,
  { id, pending }: MigrationView,
  command: KeptCommand | undefined,
  ways: readonly MigrationAction[],
): Promise<void> {
  if (pending === null || pending === command?.action || !(pending === 'complete' || isKept(pending))) return;
  if (await dropPending(cube, id, pending))
    throw notPossible(
      `The plan of this migration was lost before it carried out ${pending}, which is not carried out any more: resume again, and repeat ${pending} once the migration rests.`,
      ways,
    );
}

function ended({ kind, id, status, stage }: MigrationView, action: MigrationAction): Failure {
  return new Failure('not_at_this_stage', `${action} is not possible: the migration is ${status} at stage ${stage}.`, {
    hint: hintOf('It has ended, and accepts no further commands. Possible now', commandsAfterEnd(kind, id, status)),
    details: { actions: [] },
  });
}

function auditDetails(view: MigrationView, { ids, ...request }: SteeringRequest): Readonly<Record<string, unknown>> {
  return {
    kind: view.kind,
    stage: view.stage,
    ...request,
    ...(ids === undefined ? {} : { rejects: isNamed(ids) ? ids.length : ids }),
  };
}
