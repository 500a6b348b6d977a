import { CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { CubeHealth } from '../../activities/cube-health.js';
import type { CubeVersions } from '../../activities/cube-versions.js';
import type { DeploymentInput, DeploymentStatus, DeploymentView } from '../../domain/deployment/deployment.js';
import type { DesiredCube } from '../../domain/deployment/desired-cubes.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import { sentenceOf } from '../lib/cube-change-run.js';
import { ReceivedRequests } from '../lib/received-requests.js';
import { profiles } from '../lib/retry-profiles.js';
import { type DeploymentEnding, DeploymentRun } from './deployment-run.js';

const steps = proxyActivities<CubeVersions>(profiles.cubeChange);
const health = proxyActivities<CubeHealth>(profiles.healthWatch);

/**
 * Changes what runs of a cube without a pause for its users: a new version next to the old one (blue-green), a restart, or another
 * number of instances. A change that fails is taken back, with the reason in a sentence.
 */
export async function cubeDeployment(input: DeploymentInput, proof?: RequestProof): Promise<DeploymentView> {
  const run = new DeploymentRun(input, new ReceivedRequests(input, proof));
  CancellationScope.current().cancelRequested.catch(() => run.received.receiveCancellation());
  try {
    // The undo is known before anything is changed: what was wanted before.
    const before = await run.step('take', `took ${input.cubeId}`, () => steps.claimCube(run.change, 'deployment'));
    run.before = before;
    const sentence = await applyChange(run, before);
    return await end(run, { status: 'done', sentence, failure: null });
  } catch (error) {
    return CancellationScope.nonCancellable(async () => end(run, await undoDeployment(run, error)));
  }
}

/** Releases the cube before the change counts as ended. */
async function end(run: DeploymentRun, ending: DeploymentEnding): Promise<DeploymentView> {
  await steps.releaseCube(run.change).catch(() => undefined);
  await run.end(ending);
  await run.received.handOver();
  return run.view;
}

/** Returns what is so now, in a sentence. */
function applyChange(run: DeploymentRun, before: DesiredCube): Promise<string> {
  const { change } = run.input;
  switch (change.kind) {
    case 'deploy':
      return deploy(run, before, change.version, change.instances ?? instancesOf(before));
    case 'restart':
      return restart(run, before);
    case 'scale':
      return scale(run, before, change.instances);
  }
}

async function deploy(run: DeploymentRun, before: DesiredCube, version: string, instances: number): Promise<string> {
  const { change } = run;
  const { active } = before;
  await run.step('start', `${instances} instances of ${version} start next to ${active}`, () =>
    steps.deployVersion(change, version, instances),
  );
  await run.check('ready', `${version} is ready`, () => health.awaitVersion(run.newVersionCheck(version)));
  await run.check('smoke_test', `${version} answers correctly`, () => health.smokeTest(run.newVersionCheck(version)));
  await run.step('switch', `${version} takes the traffic`, () => steps.activateVersion(change, version));
  await run.check('watch', `${version} stayed healthy`, () => health.watchVersion(run.watched(version)));
  const warm = active === version ? before.previous : active;
  const kept = warm === null ? [version] : [version, warm];
  await run.step('settle', warm === null ? 'no other version is kept' : `${warm} stays warm`, () =>
    steps.keepVersions(change, kept),
  );
  return `${version} of ${change.cubeId} takes the traffic${warm === null ? '' : `; ${warm} stays warm`}.`;
}

async function restart(run: DeploymentRun, before: DesiredCube): Promise<string> {
  const { active } = before;
  const generation = (before.versions[active]?.generation ?? 1) + 1;
  await run.step('start', `new instances of ${active} start`, () =>
    steps.restartVersion(run.change, active, generation),
  );
  await run.check('ready', 'the new instances are ready', () => health.awaitVersion(run.newVersionCheck(active)));
  await run.check('watch', 'they stayed healthy', () => health.watchVersion(run.watched(active)));
  return `Every instance of ${active} of ${run.change.cubeId} was replaced.`;
}

async function scale(run: DeploymentRun, before: DesiredCube, instances: number): Promise<string> {
  const { active } = before;
  await run.step('start', `${active} gets ${instances} instances`, () =>
    steps.scaleVersion(run.change, active, instances),
  );
  await run.check('ready', `all ${instances} are ready`, () => health.awaitVersion(run.newVersionCheck(active)));
  return `${instances} instances of ${active} of ${run.change.cubeId} are ready.`;
}

/** Puts back what was there. Users had the old version all the time, or get it back here. */
async function undoDeployment(run: DeploymentRun, error: unknown): Promise<DeploymentEnding> {
  const why = isCancellation(error) ? { sentence: 'it was cancelled', type: 'cancelled' } : sentenceOf(error);
  if (why === undefined) throw error;
  const { before, change, what } = run;
  const ending = (status: DeploymentStatus, sentence: string, failure = why.type) => ({ status, sentence, failure });
  if (before === undefined) return ending('refused', `${capital(why.sentence)}.`);
  if (why.type === 'conflict') return ending('superseded', `${what} was given up: ${why.sentence}.`);
  try {
    await run.step('take_back', `put back what ran before: ${why.sentence}`, () =>
      steps.restoreVersions(change, before),
    );
  } catch (undone) {
    const left = sentenceOf(undone);
    if (left === undefined) throw undone;
    if (left.type === 'conflict') return ending('superseded', `${what} was given up: ${left.sentence}.`, left.type);
    const both = `${what} failed (${why.sentence}), and could not be taken back: ${left.sentence}.`;
    return ending('undo_incomplete', both, left.type);
  }
  if (why.type === 'not_found' || why.type === 'too_many_instances')
    return ending('refused', `${capital(why.sentence)}.`);
  const taken = `${what} of ${change.cubeId} was taken back: ${why.sentence}.`;
  return ending('taken_back', `${taken} ${before.active} has the traffic.`);
}

function instancesOf(before: DesiredCube): number {
  return Math.max(1, before.versions[before.active]?.instances ?? 1);
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
