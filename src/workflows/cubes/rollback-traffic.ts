import { proxyActivities } from '@temporalio/workflow';
import type { CubeTraffic } from '../../activities/cube-traffic.js';
import type { StopOutcome, TrafficBefore } from '../../domain/deployment/stopped-traffic.js';
import { profiles } from '../lib/retry-profiles.js';
import type { RollbackRun } from './rollback-run.js';

const steps = proxyActivities<CubeTraffic>(profiles.cubeChange);

const stopSentences = {
  flags: 'users go to legacy',
  hold: 'users wait at the gateways',
  none: 'no user reaches it by weight',
};

/** Keeps users from the cube, before anything that may take time. */
export async function stopTraffic(run: RollbackRun): Promise<TrafficBefore> {
  run.traffic ??= await steps.readTraffic(run.change);
  const { traffic } = run;
  const sentence = stopSentences[traffic.way];
  await run.step(
    'stop_traffic',
    sentence,
    () => keepUsersAway(run, traffic),
    (outcome) => `${sentence}${exceptionTo(outcome)}`,
  );
  run.stoppedAt ??= run.now;
  return traffic;
}

/** Keeps users from the cube while the rollback waits for a person; a failure is recorded. */
export async function keepTrafficStopped(run: RollbackRun): Promise<void> {
  if (run.traffic === undefined) return;
  await keepUsersAway(run, run.traffic).then(
    (outcome) => run.recordStep('keep_away', `users are kept from the cube${exceptionTo(outcome)}`),
    () => run.recordStep('keep_away', 'users could not be kept from the cube'),
  );
}

/** Undoes `stopTraffic`, where the cube is not closed by a person. */
export async function resumeTraffic(run: RollbackRun, traffic: TrafficBefore): Promise<void> {
  const sentence = 'users reach the cube as before';
  const resume = async () => {
    run.reopened = await steps.resumeTraffic(run.change, traffic, run.nextTrafficStep());
    return run.reopened;
  };
  await run.check('resume_traffic', sentence, resume, () => run.holdsTraffic ?? sentence);
  run.restoredAt = run.now;
}

async function keepUsersAway(run: RollbackRun, traffic: TrafficBefore): Promise<StopOutcome> {
  const sequence = run.nextTrafficStep();
  // Before all gateways have acknowledged it, and also where one never does.
  if (traffic.way === 'hold') run.keepUsersWaiting(sequence);
  return steps.stopTraffic(run.change, traffic, sequence);
}

function exceptionTo({ unheard }: StopOutcome): string {
  if (unheard === null) return ', by the kill switch of this machine: Redis could not be reached';
  return unheard === 0
    ? ''
    : `; ${unheard} gateways did not confirm it, so the kill switch of this machine is on for them`;
}
