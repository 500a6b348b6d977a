import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { TrafficName } from '../../domain/cubes.js';
import {
  type RampAction,
  type RampInput,
  type RampRequest,
  type RampView,
  rampWorkflowId,
} from '../../domain/ramp/ramp.js';
import { taskQueues } from '../../domain/task-queues.js';
import { Failure } from '../../failures.js';
import type { TemporalTarget } from '../../temporal-target.js';
import { createTemporalCalls, notPossible, refusedByPlan } from './temporal-calls.js';

/** Ramps, as the control API starts, looks at and steers them. All throw `temporal_unreachable`. */
export interface RampWorkflows {
  /** Throws `conflict` while another ramp of the cube runs. */
  start(input: RampInput): Promise<void>;
  /** The last ramp of a cube; undefined when there was none, or none that is remembered. */
  look(cube: TrafficName): Promise<RampView | undefined>;
  /** Returns the ramp once the request was carried out; throws `not_at_this_stage` when it does not fit. */
  steer(cube: TrafficName, action: RampAction, request: RampRequest): Promise<RampView>;
  close(): Promise<void>;
}

/** A look under way is left for a request; only a weight that Redis does not take makes one wait. */
const callMillis = 8000;

export function createRampWorkflows(target: TemporalTarget, namespace: string): RampWorkflows {
  const { workflow, bounded, look, close } = createTemporalCalls(target, namespace, callMillis);
  return {
    start: (input) =>
      bounded(async () => {
        const workflowId = rampWorkflowId(input.cube);
        await workflow
          .start('trafficRamp', { workflowId, taskQueue: taskQueues.control, args: [input] })
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
            throw new Failure('conflict', `A ramp of ${input.cube} is under way.`, {
              hint: `Look at it with GET /v1/traffic/${input.cube}/ramp, or stop it first.`,
            });
          });
      }),
    look: (cube) => look<RampView>(rampWorkflowId(cube), 'ramp'),
    steer: (cube, action, request) =>
      bounded(async () => {
        try {
          const handle = workflow.getHandle(rampWorkflowId(cube));
          return await handle.executeUpdate<RampView, [RampRequest]>(action, { args: [request] });
        } catch (error) {
          if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)
            throw refusedByPlan(error.cause);
          if (error instanceof WorkflowNotFoundError) throw notPossible(`No ramp of ${cube} is under way.`, []);
          throw error;
        }
      }),
    close,
  };
}
