import type { RampMove, WeightChange } from '../../activities/traffic.js';
import type { RampRun } from '../lib/ramp-run.js';
import { weights } from './ramp-steps.js';

/** Raises of a weight go by its revision: one tried by a worker that wakes up after a way back must not undo it. */
export async function setWeight(
  ramp: RampRun,
  change: Omit<WeightChange, 'cube' | 'onlyIfRevision'>,
): Promise<{ readonly done: boolean }> {
  const { revision: onlyIfRevision } = ramp.state;
  const given = onlyIfRevision === undefined ? {} : { onlyIfRevision };
  const { done, revision } = await weights.setWeight({ cube: ramp.input.cube, ...change, ...given });
  ramp.state.revision = revision;
  return { done };
}

/** Records a move in the background: a database that is away must not keep the plan from watching. */
export function recordMove(ramp: RampRun, move: Omit<RampMove, 'cube' | 'by'>): void {
  ramp.runInBackground(() => weights.recordMove({ cube: ramp.input.cube, by: byRamp(ramp), ...move }));
}

/** Who a move of the ramp is by, in the audit. */
export function byRamp(ramp: RampRun): string {
  return `ramp/${ramp.input.cube}`;
}
