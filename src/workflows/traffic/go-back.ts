import { holdOffAfter } from '../../domain/traffic/ramp/hold-off.js';
import type { RampRun } from '../lib/ramp-run.js';
import { byRamp, recordMove } from './change-weight.js';
import { weights } from './ramp-steps.js';

/**
 * All users to legacy at once, by one write; then a hold-off, and after the third time of a day a person. The write goes by
 * no weight and no revision, so that no other change prevents it; by its fence it is made once.
 */
export async function goBack(ramp: RampRun, { reason, sentence }: { reason: string; sentence: string }): Promise<void> {
  const { cube } = ramp.input;
  const fence = ramp.nextFence();
  const { revision, before } = await weights.setWeight({ cube, percentage: 0, fence, by: byRamp(ramp), why: sentence });
  ramp.state.revision = revision;
  // An attempt that came after the change finds what the change left.
  const from = before === undefined || before === 0 ? ramp.state.found : before;
  recordMove(ramp, { action: 'ramp.back', from, to: 0, why: sentence });
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
const keptRollbacks = 20;
