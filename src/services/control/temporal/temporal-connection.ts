import {
  Client,
  Connection,
  type WorkflowClient,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { Failure } from '../../../base/failures.js';
import type { TemporalTarget } from '../../../config/temporal-address.js';
import { temporalAway } from './temporal-away.js';

/** How long a call that only looks may take. */
const lookMillis = 2000;

/** Temporal's client with limits of time. Connects when first needed, so that the API starts without Temporal. */
export class TemporalConnection {
  readonly workflow: WorkflowClient;
  private readonly connection: Connection;

  constructor(
    target: TemporalTarget,
    namespace: string,
    readonly callMillis: number,
  ) {
    this.connection = Connection.lazy({ ...target, connectTimeout: '3 seconds' });
    this.workflow = new Client({ connection: this.connection, namespace }).workflow;
  }

  /** Gives a call this much time; throws what the call throws. */
  within<T>(millis: number, call: () => Promise<T>): Promise<T> {
    return this.connection.withDeadline(Date.now() + millis, call);
  }

  /** Throws `temporal_unreachable` for an error that is no `Failure`, and for a call that takes longer than calls may. */
  bounded<T>(call: () => Promise<T>): Promise<T> {
    return this.within(this.callMillis, call).catch((error: unknown) => {
      throw error instanceof Failure ? error : temporalAway(error);
    });
  }

  /** As `bounded`, of a call to a plan; `no_plan` where none runs. */
  toPlan<T>(call: () => Promise<T>): Promise<T | 'no_plan'> {
    return this.bounded(() =>
      call().catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return 'no_plan' as const;
        throw error;
      }),
    );
  }

  /** The newest plan of this id; undefined when there was none. Has no limit of time of its own. */
  describe(workflowId: string): Promise<WorkflowExecutionDescription | undefined> {
    return this.workflow
      .getHandle(workflowId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
  }

  /** As `describe`, in the time of a look. */
  look(workflowId: string): Promise<WorkflowExecutionDescription | undefined> {
    return this.within(lookMillis, () => this.describe(workflowId));
  }

  reachable(): Promise<boolean> {
    return this.within(lookMillis, () => this.connection.workflowService.getSystemInfo({})).then(
      () => true,
      () => false,
    );
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
