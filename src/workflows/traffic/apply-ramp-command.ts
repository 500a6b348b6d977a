import type { RampCommand, RampRun } from '../lib/ramp-run.js';
import { setWeight } from './change-weight.js';
import { goBack } from './go-back.js';

export async function applyRampCommand(ramp: RampRun, { action, request }: RampCommand): Promise<void> {
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
