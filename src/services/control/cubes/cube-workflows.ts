import { randomUUID } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { WorkflowIdConflictPolicy } from '@temporalio/common';
import type { ProveRequest } from '../../../auth/request-proofs.js';
import { Failure } from '../../../base/failures.js';
import type { TemporalTarget } from '../../../config/temporal-address.js';
import {
  type Acknowledgement,
  type DeploymentInput,
  type DeploymentView,
  deploymentIdOf,
  type RollbackCall,
  type RollbackInput,
  type RollbackView,
  rollbackIdOf,
} from '../../../domain/deployment/cube-changes.js';
import { taskQueues } from '../../../domain/task-queues.js';
import type { AuditedAct } from '../../../postgres/audit.js';
import { createTemporalCalls, notPossible } from '../temporal-calls.js';

/** Changes of cubes, as the control API starts and follows them. All throw `temporal_unreachable`. */
export interface CubeWorkflows {
  /** Starts a change of a cube; throws `conflict` while another change or a rollback of it is at work. */
  deploy(input: DeploymentInput): Promise<void>;
  /**
   * Starts an emergency rollback, or joins the one that is under way; one that waits for a person is answered by the version
   * that is named. Throws `not_at_this_stage` where the one under way does not heed the call.
   */
  rollBack(input: RollbackInput): Promise<void>;
  /**
   * Has an act put on record beside its plan, however long the database is away; returns once it is on record, or after
   * two seconds.
   */
  putOnRecord(act: AuditedAct): Promise<void>;
  /** Throws `not_at_this_stage` when nothing waits for it. */
  acknowledge(cubeId: string, answer: Acknowledgement): Promise<void>;
  /** The last change of a cube; undefined when there was none, or none that is remembered. */
  deployment(cubeId: string): Promise<DeploymentView | undefined>;
  rollback(cubeId: string): Promise<RollbackView | undefined>;
  close(): Promise<void>;
}

const callMillis = 5000;
const recordMillis = 2000;

export function createCubeWorkflows(target: TemporalTarget, namespace: string, prove: ProveRequest): CubeWorkflows {
  const { workflow, bounded, within, update, look, close } = createTemporalCalls(target, namespace, callMillis);
  const isRunning = async (workflowId: string) => {
    try {
      return (await workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  };
  return {
    deploy: (input) =>
      bounded(async () => {
        if (await isRunning(rollbackIdOf(input.cubeId)))
          throw new Failure('conflict', `An emergency rollback of ${input.cubeId} is under way.`, {
            hint: `Look at it with \`cubeshift cubes rollback ${input.cubeId} --status\`: where it waits for a person it says what to type.`,
          });
        const workflowId = deploymentIdOf(input.cubeId);
        if (await isRunning(workflowId)) throw isInProgress(input.cubeId);
        const args = [input, prove(workflowId, 'start', input)];
        await workflow.start('cubeDeployment', { workflowId, taskQueue: taskQueues.control, args }).catch(
          // Two people asked at the same time.
          (error: unknown) => {
            throw error instanceof Error && error.name === 'WorkflowExecutionAlreadyStartedError'
              ? isInProgress(input.cubeId)
              : error;
          },
        );
      }),
    rollBack: async (input) => {
      const { cubeId, by, targetVersion } = input;
      const workflowId = rollbackIdOf(cubeId);
      for (;;) {
        const begun = await bounded(() =>
          workflow
            .start('emergencyRollback', {
              workflowId,
              taskQueue: taskQueues.control,
              args: [input, prove(workflowId, 'start', input)],
              workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
            })
            .then(
              () => true,
              (error: unknown) => {
                if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
                throw error;
              },
            ),
        );
        if (begun) return;
        const call = { by, targetVersion };
        // One that has ended between the two calls is no longer there to be joined.
        if (
          (await update(workflowId, 'join', {
            ...call,
            proof: prove(workflowId, 'join', call),
          } satisfies RollbackCall)) !== 'no_plan'
        )
          return;
      }
    },
    putOnRecord: async (act) => {
      const workflowId = `audit/${randomUUID()}`;
      const args = [act, prove(workflowId, 'start', act)];
      const handle = await bounded(() =>
        workflow.start('auditRecord', { workflowId, taskQueue: taskQueues.control, args }),
      );
      await within(recordMillis, () => handle.result()).catch(() => undefined);
    },
    acknowledge: async (cubeId, answer) => {
      const workflowId = rollbackIdOf(cubeId);
      const proof = prove(workflowId, 'acknowledge', answer);
      const taken = await update(workflowId, 'acknowledge', { ...answer, proof });
      if (taken === 'no_plan') throw notPossible('No emergency rollback of this cube is under way.', []);
    },
    deployment: (cubeId) => look<DeploymentView>(deploymentIdOf(cubeId), 'deployment'),
    rollback: (cubeId) => look<RollbackView>(rollbackIdOf(cubeId), 'rollback'),
    close,
  };
}

function isInProgress(cubeId: string): Failure {
  return new Failure('conflict', `Another change of ${cubeId} is under way.`, {
    hint: 'Look at it with `cubeshift cubes list`.',
  });
}
