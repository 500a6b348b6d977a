import { randomUUID } from 'node:crypto';
import type { ProveRequest } from '../../../auth/request-proofs.js';
import { Failure } from '../../../base/failures.js';
import type { TemporalTarget } from '../../../config/temporal-address.js';
import type { AuditedAct } from '../../../domain/audit.js';
import {
  begunDeployment,
  type DeploymentCall,
  type DeploymentInput,
  type DeploymentView,
  deploymentIdOf,
  endedDeployment,
} from '../../../domain/deployment/deployment.js';
import {
  type Acknowledgement,
  begunRollback,
  endedRollback,
  type RollbackCall,
  type RollbackInput,
  type RollbackView,
  rollbackIdOf,
} from '../../../domain/deployment/rollback.js';
import {
  describeAuditRecord,
  describeDeployment,
  describeRollback,
  type PlanDescription,
} from '../../../domain/plan-descriptions.js';
import { taskQueues } from '../../../domain/task-queues.js';
import { notPossible } from '../temporal/possible-commands.js';
import type { StartedPlan } from '../temporal/started-plan.js';
import { createTemporalCalls } from '../temporal/temporal-calls.js';

/** Changes of cubes, as the control API starts and follows them. All throw `temporal_unreachable`. */
export interface CubeWorkflows {
  /**
   * Starts a change of a cube, and returns it once it is past the steps that may refuse it at once, or after 2.5 seconds.
   * Throws `conflict` while another change or a rollback of the cube is under way.
   */
  deploy(input: DeploymentInput): Promise<DeploymentView>;
  /**
   * Starts an emergency rollback, or joins the one under way; one that waits for a person goes on with the version that
   * `input` names. Throws `not_at_this_stage` where the one under way goes to another version.
   */
  rollBack(input: RollbackInput): Promise<RollbackView>;
  /**
   * Has a plan of its own record an act, however long the database is away; returns once the act is on record, or after two
   * seconds.
   */
  recordAct(act: AuditedAct): Promise<void>;
  /** Throws `not_at_this_stage` when no rollback waits for a person. */
  acknowledge(cubeId: string, answer: Acknowledgement): Promise<RollbackView>;
  /** The last change of a cube; undefined when there was none, or none that is remembered. */
  deployment(cubeId: string): Promise<DeploymentView | undefined>;
  rollback(cubeId: string): Promise<RollbackView | undefined>;
  close(): Promise<void>;
}

const callMillis = 5000;
const recordMillis = 2000;

export function createCubeWorkflows(target: TemporalTarget, namespace: string, prove: ProveRequest): CubeWorkflows {
  const calls = createTemporalCalls(target, namespace, callMillis);
  const { workflow, bounded, within, update, submitWithStart, describe, view, close } = calls;
  const planOf = (
    type: string,
    workflowId: string,
    input: object,
    view: object,
    description: PlanDescription,
    whenRunning: 'join' | 'refuse',
  ): StartedPlan => ({
    type,
    workflowId,
    description,
    view,
    taskQueue: taskQueues.control,
    args: [input, prove(workflowId, 'start', input)],
    whenRunning,
    whenCompleted: 'start',
  });
  const proven = <T extends object>(workflowId: string, update: string, request: T): T => ({
    ...request,
    proof: prove(workflowId, update, request),
  });
  const deployment = (cubeId: string) => view(deploymentIdOf(cubeId), endedDeployment);
  return {
    deploy: async (input) => {
      const { cubeId, by } = input;
      if ((await describe(rollbackIdOf(cubeId)))?.status.name === 'RUNNING')
        throw new Failure('conflict', `An emergency rollback of ${cubeId} is under way.`, {
          hint: `Look at it with \`cubeshift cubes rollback ${cubeId} --status\`: where it waits for a person it says what to type.`,
        });
      const workflowId = deploymentIdOf(cubeId);
      const plan = planOf(
        'cubeDeployment',
        workflowId,
        input,
        begunDeployment(input),
        describeDeployment(input),
        'refuse',
      );
      const begun = await submitWithStart<DeploymentView>(
        plan,
        'begin',
        proven<DeploymentCall>(workflowId, 'begin', { by }),
      );
      if (begun === 'already_started')
        throw new Failure('conflict', `Another change of ${cubeId} is under way.`, {
          hint: `Look at it with \`cubeshift cubes status ${cubeId}\`.`,
        });
      const begunView =
        begun === 'started' ? undefined : (begun.answer ?? (await deployment(cubeId).catch(() => undefined)));
      return begunView ?? begunDeployment(input);
    },
    rollBack: async (input) => {
      const { cubeId, by, targetVersion } = input;
      const workflowId = rollbackIdOf(cubeId);
      const plan = planOf(
        'emergencyRollback',
        workflowId,
        input,
        begunRollback(input),
        describeRollback(input),
        'join',
      );
      const call = proven<RollbackCall>(workflowId, 'join', { by, targetVersion });
      const joined = await submitWithStart<RollbackView>(plan, 'join', call);
      return joined === 'started' || joined === 'already_started'
        ? begunRollback(input)
        : (joined.answer ?? begunRollback(input));
    },
    recordAct: async (act) => {
      const workflowId = `audit/${randomUUID()}`;
      const args = [act, prove(workflowId, 'start', act)];
      const handle = await bounded(() =>
        workflow.start('auditRecord', { workflowId, taskQueue: taskQueues.control, args, ...describeAuditRecord(act) }),
      );
      await within(recordMillis, () => handle.result()).catch(() => undefined);
    },
    acknowledge: async (cubeId, answer) => {
      const workflowId = rollbackIdOf(cubeId);
      const taken = await update<RollbackView>(workflowId, 'acknowledge', proven(workflowId, 'acknowledge', answer));
      if (taken === 'no_plan') throw notPossible('No emergency rollback of this cube is under way.', []);
      return taken.answer;
    },
    deployment,
    rollback: (cubeId) => view(rollbackIdOf(cubeId), endedRollback),
    close,
  };
}
