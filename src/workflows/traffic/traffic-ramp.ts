import { CancellationScope } from '@temporalio/workflow';
import type { RequestProof } from '../../domain/plan-requests.js';
import type { RampInput, RampView } from '../../domain/traffic/ramp/ramp.js';
import type { RampState } from '../../domain/traffic/ramp/state.js';
import { RampRun } from '../lib/ramp-run.js';
import { ReceivedRequests } from '../lib/received-requests.js';
import { applyRampCommand } from './apply-ramp-command.js';
import { decide } from './decide.js';
import { untilNextObservation } from './next-observation.js';
import { observe } from './observe.js';

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
