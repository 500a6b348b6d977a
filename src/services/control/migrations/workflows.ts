import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { ProveRequest } from '../../../auth/request-proofs.js';
import type { TemporalTarget } from '../../../config/temporal-address.js';
import { type MigrationKind, workflowTypeOf } from '../../../domain/catalog.js';
import {
  type MigrationAction,
  type MigrationId,
  type MigrationInput,
  type SteeringRequest,
  workflowIdOf,
} from '../../../domain/migration/migration.js';
import { describeMigration } from '../../../domain/plan-descriptions.js';
import { taskQueues } from '../../../domain/task-queues.js';
import type { CarriedRun } from '../../../workflows/lib/carried-run.js';
import { temporalAway } from '../temporal/temporal-away.js';
import { createTemporalCalls } from '../temporal/temporal-calls.js';
import type { UpdateAnswer } from '../temporal/update-outcome.js';

/** The plans, as the control API starts and steers them. */
export interface MigrationWorkflows {
  /** Starts the plan of a run; a run that was started before answers with its run id. */
  start(input: MigrationInput): Promise<{ runId: string }>;
  /**
   * Sends a command to the plan, which accepts it, and returns once the ledger holds the state that it brings (`applied`), or
   * after 2.5 seconds (`accepted`). Throws `not_at_this_stage` when it does not fit. `no_plan`: Temporal runs no plan of this
   * migration, or its plan was lost before it applied the command.
   */
  steer(
    kind: MigrationKind,
    id: MigrationId,
    action: MigrationAction,
    request: SteeringRequest,
  ): Promise<'applied' | 'accepted' | 'no_plan'>;
  /**
   * As `steer`, for an unfinished run whose plan Temporal has lost or ended by force: starts the plan again, which carries out
   * `commandInProgress` after a `resume`. A plan that refuses the command rests blocked. `ended`: the run has ended in good order after all.
   */
  startAgain(
    input: MigrationInput,
    from: Pick<CarriedRun, 'stage' | 'sequence' | 'commandInProgress'>,
    action: MigrationAction,
    request: SteeringRequest,
  ): Promise<'applied' | 'accepted' | 'ended'>;
  reachable(): Promise<boolean>;
  close(): Promise<void>;
}

const callMillis = 5000;

/** Through Temporal's client; connects when first needed, so that the API starts without Temporal. */
export function createMigrationWorkflows(
  target: TemporalTarget,
  namespace: string,
  prove: ProveRequest,
): MigrationWorkflows {
  const calls = createTemporalCalls(target, namespace, callMillis);
  const { workflow, bounded, submit, submitWithStart, reachable, close } = calls;
  const startArgs = (workflowId: string, input: MigrationInput, carried: CarriedRun | null) => [
    input,
    carried,
    prove(workflowId, 'start', [input, carried]),
  ];
  const proven = (workflowId: string, action: MigrationAction, request: SteeringRequest) => ({
    ...request,
    proof: prove(workflowId, action, request),
  });
  return {
    start: (input) =>
      bounded(async () => {
        const workflowId = workflowIdOf(input.kind, input.id);
        try {
          const handle = await workflow.start(workflowTypeOf(input.kind), {
            workflowId,
            taskQueue: taskQueues.control,
            args: startArgs(workflowId, input, null),
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            ...describeMigration(input),
          });
          return { runId: handle.firstExecutionRunId };
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
          return { runId: (await workflow.getHandle(workflowId).describe()).runId };
        }
      }),
    steer: async (kind, id, action, request) => {
      const workflowId = workflowIdOf(kind, id);
      const submitted = await submit(workflowId, action, proven(workflowId, action, request));
      return submitted === 'no_plan' ? submitted : progressOf(submitted);
    },
    startAgain: async (input, from, action, request) => {
      const carried: CarriedRun = {
        completed: [],
        undos: [],
        estimatedRows: 0,
        migrated: 0,
        rejected: 0,
        startedAgain: true,
        ...from,
      };
      const workflowId = workflowIdOf(input.kind, input.id);
      const plan = {
        type: workflowTypeOf(input.kind),
        workflowId,
        taskQueue: taskQueues.control,
        args: startArgs(workflowId, input, carried),
        description: describeMigration(input),
        whenRunning: 'join',
        whenCompleted: 'refuse',
      } as const;
      const submitted = await submitWithStart(plan, action, proven(workflowId, action, request));
      if (submitted === 'started') throw temporalAway(undefined);
      return submitted === 'already_started' ? 'ended' : progressOf(submitted);
    },
    reachable,
    close,
  };
}

/** An update of a migration's plan has no answer of its own: any is that of a plan which has applied the command. */
function progressOf({ isApplied }: UpdateAnswer<unknown>): 'applied' | 'accepted' {
  return isApplied ? 'applied' : 'accepted';
}
