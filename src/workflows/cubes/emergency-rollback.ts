import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { CubeConsistency } from '../../activities/cube-consistency.js';
import type { CubeHealth } from '../../activities/cube-health.js';
import type { CubeTraffic } from '../../activities/cube-traffic.js';
import type { CubeVersions } from '../../activities/cube-versions.js';
import type { EscalationSteps } from '../../activities/escalation.js';
import { findCube } from '../../domain/cubes.js';
import {
  type Acknowledgement,
  type NextCommand,
  type ReopenedTraffic,
  type RollbackCall,
  type RollbackInput,
  type RollbackStatus,
  type RollbackView,
  rollbackAnswers,
  rollbackIdOf,
  type StopOutcome,
  type TrafficBefore,
} from '../../domain/deployment/cube-changes.js';
import { type DesiredCube, warmVersion } from '../../domain/deployment/desired-cubes.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import { CheckFailed, CubeChangeRun, sentenceOf } from '../lib/cube-change-run.js';
import { acknowledgeUpdate, joinUpdate, rollbackQuery } from '../lib/messages.js';
import { calls, firstLooks, untilCancelled, urgentSteps, urgentWatches } from '../lib/options.js';
import { ReceivedRequests } from '../lib/received-requests.js';

const steps = proxyActivities<CubeVersions & CubeTraffic & CubeConsistency>(urgentSteps);
const first = proxyActivities<Pick<CubeVersions, 'findTarget'>>(firstLooks);
const health = proxyActivities<CubeHealth>(urgentWatches);
const waits = proxyActivities<Pick<CubeTraffic, 'keepWaiting'>>(untilCancelled);
const outside = proxyActivities<EscalationSteps>(calls);

/**
 * Brings an earlier version of a cube back in five steps, users out of its way meanwhile. Users are sent away only once
 * there is a version to go back to: a cube that is closed for none helps nobody. Restoring a version never restores data. What does not go well calls a person and waits, with users kept from the cube
 * if they were sent away. Nothing cancels it: half a rollback is worse than either end.
 */
export async function emergencyRollback(input: RollbackInput, proof?: RequestProof): Promise<RollbackView> {
  const run = new EmergencyRollbackRun(input, new ReceivedRequests(input, proof));
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

/** Whom the restored version serves: nobody where a person keeps the cube closed. */
function closingSentence({ target, input: { cubeId }, holdsTraffic }: EmergencyRollbackRun): string {
  return holdsTraffic === undefined
    ? `${target} of ${cubeId} serves its users again.`
    : `${target} of ${cubeId} is well again; ${holdsTraffic} until somebody opens it.`;
}

/** The cube is free before the rollback is told to be over. */
async function end(run: EmergencyRollbackRun, status: RollbackStatus, sentence: string): Promise<RollbackView> {
  await steps.letCubeGo(run.change).catch(() => undefined);
  await run.endWaiting();
  run.become(status, sentence);
  await run.received.handOver();
  return run.view;
}

async function rollBack(run: EmergencyRollbackRun): Promise<void> {
  await findTarget(run);
  const traffic = await stopTraffic(run);
  const target = await restoreVersion(run);
  await run.check('check_consistency', `the data fits ${target}`, () => steps.checkConsistency(run.change, target));
  const letIn = 'users are let in as before';
  const letTrafficIn = async () => {
    run.reopened = await steps.letTrafficIn(run.change, traffic, ++run.fenceSequence);
    return run.reopened;
  };
  await run.check('resume_traffic', letIn, letTrafficIn, () => run.holdsTraffic ?? letIn);
  run.restoredAt = run.now;
  await run.check('confirm_health', `${target} stayed well for ${run.input.watchSeconds} s`, () =>
    health.watchVersion(run.healthQuestion(target, run.input.watchSeconds)),
  );
}

/** Two files of this machine are read: it takes no time that a user would notice. */
async function findTarget(run: EmergencyRollbackRun): Promise<void> {
  run.currentStep = 'restore_version';
  const target = await first.findTarget(run.change, run.target ?? run.named);
  if (!target.found) throw new CheckFailed(target.sentence);
  run.target = target.version;
}

/** Before anything else that may take time. */
async function stopTraffic(run: EmergencyRollbackRun): Promise<TrafficBefore> {
  const { change } = run;
  run.traffic ??= await steps.lookAtTraffic(change);
  const { traffic } = run;
  const where = {
    flags: 'users go to legacy',
    hold: 'users wait at the gateways',
    none: 'no user reaches it by weight',
  };
  const sentence = where[traffic.way];
  await run.step(
    'stop_traffic',
    sentence,
    () => keepAway(run, traffic),
    (outcome) => `${sentence}${exceptionTo(outcome)}`,
  );
  run.stoppedAt ??= run.now;
  return traffic;
}

/** Users are kept from the cube from here on, until they are let in. */
async function keepAway(run: EmergencyRollbackRun, traffic: TrafficBefore): Promise<StopOutcome> {
  const count = ++run.fenceSequence;
  // Before all gateways have said so, and also where one never does.
  if (traffic.way === 'hold') run.keepWaiting(count);
  return steps.stopTraffic(run.change, traffic, count);
}

function exceptionTo({ unheard }: StopOutcome): string {
  if (unheard === null) return ', by the kill switch of this machine: Redis could not be reached';
  return unheard === 0
    ? ''
    : `; ${unheard} gateways did not say so, and the kill switch of this machine was thrown for them`;
}

/** The version that is to serve: it runs, is ready, has the traffic, and the one it replaces goes. */
async function restoreVersion(run: EmergencyRollbackRun): Promise<string> {
  const { change, input } = run;
  const cube = await run.step('take', 'took the cube from whoever was changing it', () =>
    steps.takeCube(change, 'rollback'),
  );
  run.from ??= cube.active;
  const target = run.named ?? versionBefore(cube, run.from) ?? run.target;
  if (target === undefined) throw new CheckFailed('no earlier version is warm, and none was named');
  run.target = target;
  await run.step('restore_version', `asked for ${target}`, () => bringBack(run, cube, target));
  await run.check('ready', `${target} is ready`, () =>
    health.awaitVersion(run.healthQuestion(target, input.readySeconds)),
  );
  await run.step('switch', `${target} has the traffic`, () => steps.activateVersion(change, target));
  await run.step('settle', 'the others go', () => steps.keepVersions(change, [target]));
  return target;
}

function bringBack(run: EmergencyRollbackRun, cube: DesiredCube, target: string): Promise<void> {
  const wanted = cube.versions[target];
  // Back to the version that is ill itself: new instances of it.
  if (target === run.from && wanted !== undefined)
    return steps.restartVersion(run.change, target, wanted.generation + 1);
  const instances = Math.max(1, wanted?.instances ?? 0, cube.versions[cube.active]?.instances ?? 0);
  return steps.deployVersion(run.change, target, instances);
}

/** The version that took the traffic before, as it is wanted now that nobody else changes it. */
function versionBefore(cube: DesiredCube, from: string): string | undefined {
  // Tried again after the switch: it is active by now.
  return cube.active !== from ? cube.active : warmVersion(cube);
}

/** Keeps users away, calls a person, and waits for one. */
async function escalate(run: EmergencyRollbackRun, sentence: string): Promise<Acknowledgement> {
  const { change, traffic } = run;
  // Whoever sees that it waits must find the cube closed.
  if (traffic !== undefined)
    await keepAway(run, traffic).then(
      (outcome) => run.recordStep('keep_away', `users are kept from the cube${exceptionTo(outcome)}`),
      () => run.recordStep('keep_away', 'users could not be kept from the cube'),
    );
  const where = traffic === undefined ? ' Nothing was changed: the cube serves its users as before.' : '';
  run.become('escalated', `It needs a person at ${run.currentStep}: ${sentence}.${where}`);
  const { cubeId: cube_id } = change;
  const told = {
    cube_id,
    workflow_id: rollbackIdOf(cube_id),
    sentence: run.sentence,
    next: run.next,
    steps: [...run.steps],
  };
  void outside.tellEscalation(told).then(
    (somebody) => run.recordStep('escalated', somebody ? 'the webhook was called' : 'there is no webhook to call'),
    () => run.recordStep('escalated', 'the webhook could not be called'),
  );
  await condition(() => run.answer !== undefined);
  const { answer } = run;
  run.answer = undefined;
  if (answer === undefined) throw ApplicationFailure.nonRetryable('woken without an answer', 'unexpected');
  run.resume(answer);
  return answer;
}

class EmergencyRollbackRun extends CubeChangeRun {
  traffic: TrafficBefore | undefined;
  reopened: ReopenedTraffic | undefined;
  /** How many steps were asked for that change the traffic. */
  fenceSequence = 0;
  from: string | undefined;
  /** The version that it goes to, once that is known. */
  target: string | undefined;
  /** The version that a person named, at the start or in an answer; null: the one that is warm. */
  named: string | null;
  stoppedAt: string | undefined;
  restoredAt: string | undefined;
  answer: Acknowledgement | undefined;
  sentence = 'It has just begun.';
  private status: RollbackStatus = 'running';
  private acknowledgedBy: string | null = null;
  private waiting: CancellationScope | undefined;
  private waited = Promise.resolve();

  constructor(
    readonly input: RollbackInput,
    readonly received: ReceivedRequests,
  ) {
    super(input.cubeId);
    this.named = input.targetVersion;
    setHandler(rollbackQuery, () => this.view);
    setHandler(
      acknowledgeUpdate,
      (answer: Acknowledgement) => {
        this.received.receiveUpdate('acknowledge', answer);
        this.answer = answer;
      },
      { validator: (_answer: Acknowledgement) => this.checkEscalated() },
    );
    setHandler(
      joinUpdate,
      (call: RollbackCall) => {
        this.received.receiveUpdate('join', call);
        const { by, targetVersion } = call;
        if (targetVersion === null || this.status !== 'escalated') return;
        this.answer = { by, why: `go back to ${targetVersion}`, retry: true, targetVersion };
      },
      { validator: (call: RollbackCall) => this.checkJoined(call) },
    );
  }

  /** That the cube stays closed though all is well, in a sentence; undefined where it is open. */
  get holdsTraffic(): string | undefined {
    const { reopened } = this;
    return reopened?.passed && reopened.closedBy !== null
      ? `the cube was closed by ${reopened.closedBy}, and stays closed`
      : undefined;
  }

  /** Users wait until a step lets them in, or the rollback ends; a hold would end by itself. */
  keepWaiting(count: number): void {
    const before = this.endWaiting();
    this.waiting = new CancellationScope({ cancellable: true });
    this.waited = this.waiting
      .run(() => waits.keepWaiting(this.change, count))
      .catch((error: unknown) => {
        if (!isCancellation(error)) this.recordStep('keep_away', 'users could not be kept waiting');
      })
      .then(() => before);
  }

  /** Returns once nobody keeps users waiting any more: nothing of a rollback goes on behind its end. */
  endWaiting(): Promise<void> {
    this.waiting?.cancel();
    return this.waited;
  }

  healthQuestion(version: string, seconds: number) {
    return { change: this.change, version, seconds };
  }

  become(status: RollbackStatus, sentence: string): void {
    this.status = status;
    this.sentence = sentence;
    this.recordStep(status, sentence);
    const next = this.next.map(({ command, what }) => `- \`${command}\`: ${what}`);
    setCurrentDetails([`**${status}**: ${sentence}`, ...(next.length === 0 ? [] : [next.join('\n')])].join('\n\n'));
  }

  resume({ by, why, retry, targetVersion }: Acknowledgement): void {
    this.acknowledgedBy = by;
    if (targetVersion !== undefined) {
      this.named = targetVersion;
      this.target = undefined;
    }
    this.restoredAt = undefined;
    this.status = 'running';
    this.recordStep('acknowledged', `${by}: ${why}${retry ? '; the steps are tried again' : ''}`);
  }

  private checkEscalated(): void {
    if (this.status === 'escalated' && this.answer === undefined) return;
    throw refusal(`The rollback is ${this.status}; there is nothing to acknowledge.`, []);
  }

  /** A call that could not be heeded is not taken for one that is. */
  private checkJoined({ targetVersion }: RollbackCall): void {
    if (this.status === 'escalated') {
      if (targetVersion === null) throw refusal(`The rollback waits for a person: ${this.sentence}`, this.next);
      this.checkEscalated();
      return;
    }
    const goesTo = this.target ?? this.named;
    if (this.status === 'running' && (targetVersion === null || targetVersion === goesTo)) return;
    const to = goesTo === null ? '' : ` to ${goesTo}`;
    throw refusal(`A rollback${to} is ${this.status}; it does not go to ${targetVersion ?? 'another version'}.`, []);
  }

  get next(): readonly NextCommand[] {
    const { status, traffic, input } = this;
    if (status !== 'escalated') return [];
    return rollbackAnswers(input.cubeId, findCube(input.cubeId)?.trafficName ?? null, traffic === undefined);
  }

  get view(): RollbackView {
    const { cubeId, by } = this.input;
    return {
      cube_id: cubeId,
      target_version: this.target ?? this.named,
      from_version: this.from ?? null,
      status: this.status,
      step: this.currentStep,
      sentence: this.status === 'running' ? (this.steps.at(-1)?.sentence ?? this.sentence) : this.sentence,
      by,
      steps: [...this.steps],
      traffic_stopped_at: this.stoppedAt ?? null,
      traffic_restored_at: this.restoredAt ?? null,
      acknowledged_by: this.acknowledgedBy,
      next: this.next,
    };
  }
}

/** The commands that fit instead go with it, so that whoever is refused knows what to type. */
function refusal(message: string, next: readonly NextCommand[]): ApplicationFailure {
  const details = [{ actions: next.map(({ command }) => command) }];
  return ApplicationFailure.create({ type: 'not_at_this_stage', message, nonRetryable: true, details });
}
