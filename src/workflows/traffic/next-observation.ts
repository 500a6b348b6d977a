import type { RampRun } from '../lib/ramp-run.js';

/** The next observation comes at once when it decides whether something is wrong, and later while no user is on the cube. */
export function untilNextObservation(ramp: RampRun): number {
  const check = ramp.input.settings.check_interval_seconds * 1000;
  if (ramp.state.evidence.unreadyTimes > 0) return Math.min(check, 1000);
  if (ramp.state.status === 'holding_off') return Math.max(check, holdOffPollMillis);
  return check;
}

const holdOffPollMillis = 30_000;
