import { ActivityFailure, CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { RampMove, TrafficReads, WeightChange, WeightSteps } from '../activities/traffic.js';
import type { CheckResult } from '../domain/check-result.js';
import type { RequestProof } from '../domain/plan-requests.js';
import { countBetween, keepSilent } from '../domain/traffic/ramp/counters.js';
import type { Decision } from '../domain/traffic/ramp/decision.js';
import { addSeen, watchedBetween } from '../domain/traffic/ramp/evidence.js';
import { judge } from '../domain/traffic/ramp/gate.js';
import { holdOffAfter } from '../domain/traffic/ramp/hold-off.js';
import type { RampInput, RampView } from '../domain/traffic/ramp/ramp.js';
import type { RampState } from '../domain/traffic/ramp/state.js';
import { nextStep } from '../domain/traffic/ramp/steps.js';
import { type RampCommand, RampRun } from './lib/ramp-run.js';
import { ReceivedRequests } from './lib/received-requests.js';
import { profiles } from './lib/retry-profiles.js';

const reads = proxyActivities<TrafficReads>(profiles.probe);
const weights = proxyActivities<WeightSteps>(profiles.trafficWrite);

/**
 * Moves users to a cube step by step, and leaves a step only with proof; holds, continues or goes back by itself. Whatever
 * ends it, the weight stays as it is; only the gate lowers it.
 */
export async function trafficRamp(
  input: RampInput,
  carried?: RampState | null,
  proof?: RequestProof,
): Promise<RampView> {
  const ramp = new RampRun(input, carried ?? undefined, new ReceivedRequests([input, carried ?? null], proof));
  CancellationScope.current().cancelRequested.catch(() => ramp.cancelledFromOutside());
  return CancellationScope.nonCancellable(async () => {
    while (!ramp.ended) {
      await ramp.applyPendingCommand((command) => applyRampCommand(ramp, command));
      if (ramp.ended) break;
      if (await observe(ramp)) await decide(ramp);
      await ramp.renewHistory();
      if (!ramp.ended) await ramp.rest(untilNextObservation(ramp));
    }
    await ramp.finish();
    return ramp.view;
  });
}

/** Reads weight, registry and gateways; false when a command interrupted that. */
async function observe(ramp: RampRun): Promise<boolean> {
  const { cube, settings } = ramp.input;
  const observed = await ramp.untilCommanded(() => reads.observeTraffic(cube)).catch(unreadable);
  if (observed === undefined) return false;
  const now = Date.now();
  const elapsed =
    ramp.state.lastObservedAt === null ? 0 : watchedBetween(ramp.state.lastObservedAt, now, untilNextObservation(ramp));
  ramp.state.evidence = addSeen(
    ramp.state.evidence,
    {
      increment: countBetween(ramp.state.snapshot, observed.snapshot),
      ready: observed.ready,
      missing: observed.missing,
    },
    elapsed,
    settings.slow_seconds,
  );
  ramp.state.snapshot = keepSilent(ramp.state.snapshot, observed.snapshot, observed.listed);
  ramp.state.lastObservedAt = now;
  ramp.state.checks++;
  if (observed.weight !== null) {
    ramp.state.revision = observed.weight.revision;
    adoptChangedWeight(ramp, observed.weight);
  }
  return true;
}

type Observation = Awaited<ReturnType<TrafficReads['observeTraffic']>>;

/** An observation that failed for good counts as an empty one. */
function unreadable(error: unknown): Observation {
  if (!(error instanceof ActivityFailure)) throw error;
  const missing = `The state of the traffic could not be read (${error.cause?.message ?? 'unknown'}).`;
  return { weight: null, ready: null, snapshot: {}, listed: [], missing };
}

function notCompared(error: unknown): { readonly missing: string } {
  if (!(error instanceof ActivityFailure)) throw error;
  return { missing: `The latencies could not be read (${error.cause?.message ?? 'unknown'}).` };
}

/** The ramp keeps a weight that a person set meanwhile, says so and waits. */
function adoptChangedWeight(
  ramp: RampRun,
  { enabled, percentage, changedBy }: NonNullable<Observation['weight']>,
): void {
  const found = enabled ? percentage : 0;
  if (!ramp.state.began && found !== null) {
    // A person resumed the ramp from the current weight, whatever it is.
    if (found !== ramp.state.percentage) ramp.adoptWeight(found);
    ramp.state.began = true;
  }
  if (found === ramp.state.percentage && enabled) {
    ramp.state.found = found;
    // At 0 % the ramp may have waited for a person before.
    if (ramp.state.status === 'waiting' && ramp.state.why.reason === 'changed_by_hand' && found > 0)
      ramp.enter('ramping', { verdict: 'hold', reason: 'as_before', sentence: `The weight is ${found} % again.` });
    return;
  }
  ramp.state.found = found ?? ramp.state.found;
  const what = !enabled
    ? 'closed the cube'
    : found === null
      ? 'wrote an invalid weight'
      : `set the weight to ${found} %`;
  const who = changedBy ?? 'Somebody';
  const sentence = `${who} ${what}, the ramp had set ${ramp.state.percentage} %; it holds until it is resumed or stopped.`;
  ramp.enter(ramp.state.status === 'paused' ? 'paused' : 'waiting', {
    verdict: 'hold',
    reason: 'changed_by_hand',
    sentence,
  });
}

/** Judges what was seen, and does what follows from it. */
async function decide(ramp: RampRun): Promise<void> {
  const { settings } = ramp.input;
  let decision = judge(ramp.state.evidence, ramp.state.found, settings);
  if (decision.reason === 'latencies_due' && ramp.state.status === 'ramping') {
    const compared = await ramp.untilCommanded(() => reads.compareUserLatencies(ramp.input.cube)).catch(notCompared);
    if (compared === undefined) return;
    decision =
      'missing' in compared
        ? { verdict: 'hold', reason: 'metrics_missing', sentence: compared.missing }
        : judge(ramp.state.evidence, ramp.state.found, settings, compared);
  }
  if (decision.verdict === 'back') return goBack(ramp, decision);
  if (ramp.state.status === 'holding_off' && Date.now() >= (ramp.state.holdOffUntil ?? 0)) {
    ramp.setStep(0, true);
    ramp.enter('ramping', { verdict: 'hold', reason: 'started_again', sentence: 'The hold-off is over.' });
    return;
  }
  if (ramp.state.status !== 'ramping') return;
  // Compared once a step: another comparison needs another step's time.
  if (decision.reason === 'slower') ramp.setStep(ramp.state.percentage);
  if (decision.verdict === 'advance') return advance(ramp, decision);
  ramp.enter('ramping', decision);
}

async function advance(ramp: RampRun, { sentence }: Decision): Promise<void> {
  const { steps } = ramp.input;
  const next = nextStep(steps, ramp.state.percentage);
  if (next === undefined) {
    const all = `The target is reached. ${sentence}`;
    ramp.enter('completed', { verdict: 'advance', reason: 'target_reached', sentence: all });
    return;
  }
  const unwritable = await whyNotWritable(ramp);
  if (unwritable === 'interrupted') return;
  if (unwritable !== undefined)
    return ramp.enter('ramping', {
      verdict: 'hold',
      reason: 'cannot_write',
      sentence: `No more users are moved to the cube: ${unwritable}.`,
    });
  const why = `${sentence} On to ${next} %.`;
  const { done } = await setWeight(ramp, { percentage: next, onlyIf: ramp.state.percentage, by: byRamp(ramp), why });
  // Another program was faster: the next observation shows which.
  if (!done) return;
  record(ramp, { action: 'ramp.advance', from: ramp.state.percentage, to: next, why: sentence });
  ramp.setStep(next);
  ramp.enter('ramping', { verdict: 'advance', reason: 'all_clear', sentence: why });
}

/** Why the cube cannot write where its users' writes go; undefined where it was seen to. */
async function whyNotWritable(ramp: RampRun): Promise<string | undefined> {
  const verdict = await ramp
    .untilCommanded(() => reads.checkWrites(ramp.input.cube))
    .catch((error: unknown): CheckResult => {
      if (!(error instanceof ActivityFailure)) throw error;
      return { passed: false, sentence: `whether it can write is unknown (${error.cause?.message ?? 'unknown'})` };
    });
  if (verdict === undefined) return 'interrupted';
  return verdict.passed ? undefined : verdict.sentence;
}

/**
 * All users to legacy at once, by one write; then a hold-off, and after the third time of a day a person. The write goes by
 * no weight and no revision, so that no other change prevents it; by its fence it is made once.
 */
async function goBack(ramp: RampRun, { reason, sentence }: { reason: string; sentence: string }): Promise<void> {
  const { cube } = ramp.input;
  const fence = ramp.nextFence();
  const { revision, before } = await weights.setWeight({ cube, percentage: 0, fence, by: byRamp(ramp), why: sentence });
  ramp.state.revision = revision;
  // An attempt that came after the change finds what the change left.
  const from = before === undefined || before === 0 ? ramp.state.found : before;
  record(ramp, { action: 'ramp.back', from, to: 0, why: sentence });
  const at = Date.now();
  ramp.state.rollbacks = [
    ...ramp.state.rollbacks.slice(-(keptRollbacks - 1)),
    { at: new Date(at).toISOString(), from_percentage: from, reason, sentence },
  ];
  ramp.setStep(0, true);
  const went = `Went back from ${from} % to 0 %: ${sentence}`;
  const holdOff = holdOffAfter(ramp.state.rollbacks.map((one) => Date.parse(one.at)));
  if (ramp.state.status === 'paused') ramp.enter('paused', { verdict: 'back', reason, sentence: went });
  else if (ramp.state.status === 'waiting') {
    const person = `${went} A person had changed the weight, and decides whether to resume.`;
    ramp.enter('waiting', { verdict: 'back', reason, sentence: person });
  } else if (holdOff === null) {
    const third = `${went} It was the third time in a day: a person decides whether to resume.`;
    ramp.enter('waiting', { verdict: 'back', reason, sentence: third });
  } else {
    ramp.state.holdOffUntil = at + holdOff;
    const again = `${went} It starts again in ${Math.round(holdOff / 60_000)} min.`;
    ramp.enter('holding_off', { verdict: 'back', reason, sentence: again });
  }
}

/** Records a move in the background: a database that is away must not keep the plan from watching. */
function record(ramp: RampRun, move: Omit<RampMove, 'cube' | 'by'>): void {
  ramp.runInBackground(() => weights.recordMove({ cube: ramp.input.cube, by: byRamp(ramp), ...move }));
}

/** Raises of a weight go by its revision: one tried by a worker that wakes up after a way back must not undo it. */
async function setWeight(
  ramp: RampRun,
  change: Omit<WeightChange, 'cube' | 'onlyIfRevision'>,
): Promise<{ readonly done: boolean }> {
  const { revision: onlyIfRevision } = ramp.state;
  const given = onlyIfRevision === undefined ? {} : { onlyIfRevision };
  const { done, revision } = await weights.setWeight({ cube: ramp.input.cube, ...change, ...given });
  ramp.state.revision = revision;
  return { done };
}

async function applyRampCommand(ramp: RampRun, { action, request }: RampCommand): Promise<void> {
  const { by, why } = request;
  const because = why === undefined ? '' : ` ${why}`;
  switch (action) {
    case 'pause':
      ramp.enter('paused', {
        verdict: 'hold',
        reason: 'paused',
        sentence: `${by} paused it; it still goes back when it must.`,
      });
      return;
    case 'resume':
      ramp.setStep(ramp.state.found, ramp.state.found === 0);
      // What was found last may no longer be so: the next check decides where it continues.
      ramp.state.began = false;
      ramp.enter('ramping', {
        verdict: 'hold',
        reason: 'resumed',
        sentence: `${by} resumed the ramp from the current weight.`,
      });
      return;
    case 'set': {
      const percentage = request.percentage ?? ramp.state.found;
      const change = { percentage, by, why: why ?? 'set through the ramp' };
      // Whatever others changed meanwhile: this is the last word.
      for (let done = false; !done; ) ({ done } = await setWeight(ramp, change));
      ramp.setStep(percentage, percentage === 0);
      ramp.enter(ramp.state.status === 'paused' ? 'paused' : 'ramping', {
        verdict: 'hold',
        reason: 'set',
        sentence: `${by} set it to ${percentage} %.${because}`,
      });
      return;
    }
    case 'alarm':
      return goBack(ramp, { reason: 'alarm', sentence: `${by} raised an alarm.${because}` });
    case 'stop':
      // The control API adds the present weight: the one found last may have changed since.
      ramp.enter('stopped', {
        verdict: null,
        reason: 'stopped',
        sentence: `${by} stopped it; the weight stays as it is.${because}`,
      });
  }
}

/** The next observation comes at once when it decides whether something is wrong, and later while no user is on the cube. */
function untilNextObservation(ramp: RampRun): number {
  const check = ramp.input.settings.check_interval_seconds * 1000;
  if (ramp.state.evidence.unreadyTimes > 0) return Math.min(check, 1000);
  if (ramp.state.status === 'holding_off') return Math.max(check, holdOffPollMillis);
  return check;
}

const holdOffPollMillis = 30_000;
const keptRollbacks = 20;

function byRamp(ramp: RampRun): string {
  return `ramp/${ramp.input.cube}`;
}
