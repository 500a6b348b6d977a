import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { CubeConsistency } from '../../activities/cube-consistency.js';
import type { CubeHealth } from '../../activities/cube-health.js';
import type { CubeVersions } from '../../activities/cube-versions.js';
import type { EscalationSteps } from '../../activities/escalation.js';
import { type DesiredCube, warmVersion } from '../../domain/deployment/desired-cubes.js';
import {
  type Acknowledgement,
  type RollbackInput,
  type RollbackStatus,
  type RollbackView,
  rollbackIdOf,
} from '../../domain/deployment/rollback.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import { CheckFailed, sentenceOf } from '../lib/cube-change-run.js';
import { ReceivedRequests } from '../lib/received-requests.js';
import { profiles } from '../lib/retry-profiles.js';
import { RollbackRun } from './rollback-run.js';
import { keepTrafficStopped, resumeTraffic, stopTraffic } from './rollback-traffic.js';

const steps = proxyActivities<CubeVersions & CubeConsistency>(profiles.cubeChange);
const first = proxyActivities<Pick<CubeVersions, 'findTarget'>>(profiles.targetLookup);
const health = proxyActivities<CubeHealth>(profiles.healthWatch);
const outside = proxyActivities<EscalationSteps>(profiles.webhook);

/**
 * Brings an earlier version of a cube back, and keeps users from the cube meanwhile; only once there is a version to go back to,
 * since a cube that is closed for nothing helps no user. Restoring a version never restores data. A step that fails calls a
 * person and waits, with users kept from the cube if they were before. Nothing cancels the plan: half a rollback is worse than
 * either end.
 */
export async function emergencyRollback(input: RollbackInput, proof?: RequestProof): Promise<RollbackView> {
  const run = new RollbackRun(input, new ReceivedRequests(input, proof));
  CancellationScope.current().cancelRequested.catch(() => run.received.receiveCancellation());
  return CancellationScope.nonCancellable(async () => {
    for (;;) {
      try {
        await rollBack(run);
        return await end(run, 'completed', closingSentence(run));
      } catch (error) {
        const why = sentenceOf(error);
        if (why === undefined) throw error;
        const answer = await escalate(run, why.sentence);
        if (!answer.retry) return end(run, 'acknowledged', `${answer.by} has taken over: ${answer.why}`);
      }
    }
  });
}

async function rollBack(run: RollbackRun): Promise<void> {
  await findTarget(run);
  const traffic = await stopTraffic(run);
  const target = await restoreVersion(run);
  await run.check('check_consistency', `the data fits ${target}`, () => steps.checkConsistency(run.change, target));
  await resumeTraffic(run, traffic);
  await run.check('confirm_health', `${target} stayed healthy for ${run.input.watchSeconds} s`, () =>
    health.watchVersion(run.healthQuestion(target, run.input.watchSeconds)),
  );
}

/** Reads two files of this machine: it takes no time that a user would notice. */
async function findTarget(run: RollbackRun): Promise<void> {
  run.currentStep = 'restore_version';
  const target = await first.findTarget(run.change, run.target ?? run.named);
  if (!target.found) throw new CheckFailed(target.sentence);
  run.target = target.version;
}

/** The version that is to serve runs, is ready and has the traffic; the one that it replaces goes. */
async function restoreVersion(run: RollbackRun): Promise<string> {
  const { change, input } = run;
  const cube = await run.step('take', 'took the cube from any deployment in progress', () =>
    steps.claimCube(change, 'rollback'),
  );
  run.from ??= cube.active;
  const target = run.named ?? versionBefore(cube, run.from) ?? run.target;
  if (target === undefined) throw new CheckFailed('no earlier version is warm, and none was named');
  run.target = target;
  await run.step('restore_version', `requested instances of ${target}`, () => bringBack(run, cube, target));
  await run.check('ready', `${target} is ready`, () =>
    health.awaitVersion(run.healthQuestion(target, input.readySeconds)),
  );
  await run.step('switch', `${target} has the traffic`, () => steps.activateVersion(change, target));
  await run.step('settle', 'the other versions end', () => steps.keepVersions(change, [target]));
  return target;
}

function bringBack(run: RollbackRun, cube: DesiredCube, target: string): Promise<void> {
  const wanted = cube.versions[target];
  // Back to the version that is ill itself: new instances of it.
  if (target === run.from && wanted !== undefined)
    return steps.restartVersion(run.change, target, wanted.generation + 1);
  const instances = Math.max(1, wanted?.instances ?? 0, cube.versions[cube.active]?.instances ?? 0);
  return steps.deployVersion(run.change, target, instances);
}

/** The version that had the traffic before, as the state folder has it now that no other run changes the cube. */
function versionBefore(cube: DesiredCube, from: string): string | undefined {
  // At a second attempt after the switch, the version to go back to is active already.
  return cube.active !== from ? cube.active : warmVersion(cube);
}

/** Keeps users from the cube, calls a person, and waits for the answer. */
async function escalate(run: RollbackRun, sentence: string): Promise<Acknowledgement> {
  // A person who sees that the rollback waits must find the cube closed.
  await keepTrafficStopped(run);
  const where = run.traffic === undefined ? ' Nothing was changed: the cube serves its users as before.' : '';
  run.become('escalated', `It needs a person at ${run.currentStep}: ${sentence}.${where}`);
  const { cubeId: cube_id } = run.change;
  const escalation = {
    cube_id,
    workflow_id: rollbackIdOf(cube_id),
    sentence: run.sentence,
    next: run.next,
    steps: [...run.steps],
  };
  void outside.callWebhook(escalation).then(
    (called) => run.recordStep('escalated', called ? 'the webhook was called' : 'there is no webhook to call'),
    () => run.recordStep('escalated', 'the webhook could not be called'),
  );
  return run.awaitAnswer();
}

/** Releases the cube before the rollback counts as ended. */
async function end(run: RollbackRun, status: RollbackStatus, sentence: string): Promise<RollbackView> {
  await steps.releaseCube(run.change).catch(() => undefined);
  await run.endWaiting();
  run.become(status, sentence);
  await run.received.handOver();
  await run.finish();
  return run.view;
}

/** Says whether the restored version serves users: it does not where a person keeps the cube closed. */
function closingSentence({ target, input: { cubeId }, holdsTraffic }: RollbackRun): string {
  return holdsTraffic === undefined
    ? `${target} of ${cubeId} serves its users again.`
    : `${target} of ${cubeId} is healthy again; ${holdsTraffic} until a person opens it.`;
}
