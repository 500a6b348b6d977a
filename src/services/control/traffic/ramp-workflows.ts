import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { ProveRequest } from '../../../auth/request-proofs.js';
import { Failure } from '../../../base/failures.js';
import type { TemporalTarget } from '../../../config/temporal-address.js';
import type { TrafficName } from '../../../domain/cubes.js';
import { describeRamp } from '../../../domain/plan-descriptions.js';
import { viewMemo } from '../../../domain/plan-view.js';
import { taskQueues } from '../../../domain/task-queues.js';
import {
  endedRamp,
  type RampAction,
  type RampInput,
  type RampRequest,
  type RampView,
  rampActions,
  rampWorkflowId,
} from '../../../domain/traffic/ramp/ramp.js';
import { rampCommands } from '../../../domain/traffic/ramp/ramp-commands.js';
import { newRampState, rampView } from '../../../domain/traffic/ramp/state.js';
import { hintingCommands, notPossible } from '../temporal/possible-commands.js';
import { createTemporalCalls } from '../temporal/temporal-calls.js';

/** Ramps, as the control API starts, reads and steers them. All throw `temporal_unreachable`. */
export interface RampWorkflows {
  /** Throws `conflict` while another ramp of the cube runs. */
  start(input: RampInput): Promise<void>;
  /** The last ramp of a cube; undefined when there was none, or none that is remembered. */
  view(cube: TrafficName): Promise<RampView | undefined>;
  /** Whether there was a ramp of the cube that is remembered. Puts no question to its plan. */
  isKnown(cube: TrafficName): Promise<boolean>;
  /** Returns the ramp once the request was carried out; throws `not_at_this_stage` when it does not fit. */
  steer(cube: TrafficName, action: RampAction, request: RampRequest): Promise<RampView>;
  close(): Promise<void>;
}

/** A request interrupts an observation under way; only a weight that Redis does not take makes one wait. */
const callMillis = 8000;

export function createRampWorkflows(target: TemporalTarget, namespace: string, prove: ProveRequest): RampWorkflows {
  const { workflow, bounded, update, describe, view, close } = createTemporalCalls(target, namespace, callMillis);
  return {
    start: (input) =>
      bounded(async () => {
        const workflowId = rampWorkflowId(input.cube);
        await workflow
          .start('trafficRamp', {
            workflowId,
            taskQueue: taskQueues.control,
            args: [input, null, prove(workflowId, 'start', [input, null])],
            ...describeRamp(input),
            memo: { [viewMemo]: rampView(input, newRampState(Date.now()), null) },
          })
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
            throw new Failure('conflict', `A ramp of ${input.cube} is under way.`, {
              hint: `Look at it with \`cubeshift traffic ramp ${input.cube} --status\`, or end it with \`cubeshift traffic stop ${input.cube}\` first.`,
            });
          });
      }),
    isKnown: async (cube) => (await describe(rampWorkflowId(cube))) !== undefined,
    view: (cube) => view(rampWorkflowId(cube), endedRamp),
    steer: async (cube, action, request) => {
      const workflowId = rampWorkflowId(cube);
      const proof = prove(workflowId, action, request);
      const commandsOf = (actions: readonly string[]) =>
        rampCommands({ cube, actions: rampActions.filter((one) => actions.includes(one)) });
      const taken = await hintingCommands(commandsOf, () =>
        update<RampView>(workflowId, action, { ...request, proof }),
      );
      if (taken === 'no_plan') throw notPossible(`No ramp of ${cube} is under way.`, []);
      return taken.answer;
    },
    close,
  };
}
