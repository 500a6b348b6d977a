import { ActivityFailure } from '@temporalio/workflow';
import type { TrafficReads } from '../../activities/traffic.js';
import { countBetween, keepSilent } from '../../domain/traffic/ramp/counters.js';
import { addSeen, watchedBetween } from '../../domain/traffic/ramp/evidence.js';
import type { RampRun } from '../lib/ramp-run.js';
import { untilNextObservation } from './next-observation.js';
import { reads } from './ramp-steps.js';

/** Reads weight, registry and gateways; false when a command interrupted that. */
export async function observe(ramp: RampRun): Promise<boolean> {
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
