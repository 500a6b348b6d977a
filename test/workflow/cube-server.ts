import { Context } from '@temporalio/activity';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, type Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { CubeConsistency } from '../../src/activities/cube-consistency.js';
import type { CubeHealth } from '../../src/activities/cube-health.js';
import type { CubeTraffic } from '../../src/activities/cube-traffic.js';
import type { CubeVersions } from '../../src/activities/cube-versions.js';
import type { EscalationSteps } from '../../src/activities/escalation.js';
import { guarded } from '../../src/activities/guard.js';
import { Failure, type FailureType } from '../../src/base/failures.js';
import type { CubeChange, DeploymentView } from '../../src/domain/deployment/deployment.js';
import type { DesiredCube } from '../../src/domain/deployment/desired-cubes.js';
import type {
  Acknowledgement,
  RollbackCall,
  RollbackInput,
  RollbackView,
} from '../../src/domain/deployment/rollback.js';
import { taskQueues } from '../../src/domain/task-queues.js';
import { createWorker, workflowBundlePath } from '../../src/workers/worker.js';
import { until } from '../support/conditions.js';
import { quietRuntime } from '../support/quiet-runtime.js';
import { publishedView } from './published-view.js';
import { addSearchAttributes } from './search-attributes.js';

export type CubeActivities = CubeVersions & CubeHealth & CubeTraffic & CubeConsistency & EscalationSteps;
export type CubeStep = keyof CubeActivities;

export const cubeBefore: DesiredCube = {
  active: '1.0',
  previous: '0.9',
  holder: null,
  ended: [],
  versions: {
    '0.9': { instances: 1, generation: 1, state: 'running' },
    '1.0': { instances: 2, generation: 3, state: 'running' },
  },
};

const answers: CubeActivities = {
  claimCube: async () => cubeBefore,
  findTarget: async (_change, named) => ({ found: true, version: named ?? '0.9' }),
  releaseCube: async () => undefined,
  deployVersion: async () => undefined,
  restartVersion: async () => undefined,
  scaleVersion: async () => undefined,
  activateVersion: async () => undefined,
  keepVersions: async () => undefined,
  restoreVersions: async () => undefined,
  awaitVersion: async () => ({ passed: true }),
  smokeTest: async () => ({ passed: true }),
  watchVersion: async () => ({ passed: true }),
  readTraffic: async () => ({ way: 'flags', enabled: true }),
  stopTraffic: async () => ({ unheard: 0 }),
  extendHold: untilCancelled,
  resumeTraffic: async () => ({ passed: true, closedBy: null }),
  checkConsistency: async () => ({ passed: true }),
  callWebhook: async () => true,
};

/** Goes on until its plan no longer needs it. */
export async function untilCancelled(): Promise<void> {
  const context = Context.current();
  const beats = setInterval(() => context.heartbeat(), 100);
  await context.cancelled.finally(() => clearInterval(beats));
}

/** A world of one cube: answers as one without trouble would, unless told otherwise, and keeps what it was asked. */
export class FakeCube {
  readonly calls: { readonly name: CubeStep; readonly args: readonly unknown[] }[] = [];
  private readonly told = new Map<CubeStep, (...args: never[]) => unknown>();

  answer<Name extends CubeStep>(name: Name, answer: CubeActivities[Name]): this {
    this.told.set(name, answer);
    return this;
  }

  fail(name: CubeStep, type: FailureType): this {
    return this.answer(name, async () => {
      throw new Failure(type, `A sentence about ${type}.`);
    });
  }

  mend(name: CubeStep): void {
    this.told.delete(name);
  }

  perform(name: CubeStep, args: readonly unknown[]): Promise<unknown> {
    if (Context.current().info.attempt === 1) this.calls.push({ name, args });
    const work = this.told.get(name) ?? answers[name];
    return guarded(async () => work(...(args as never[])));
  }

  get order(): CubeStep[] {
    return this.calls.map(({ name }) => name);
  }

  argsOf(name: CubeStep): readonly unknown[] | undefined {
    return this.calls.find((call) => call.name === name)?.args;
  }
}

/** The compiled plans of cubes on Temporal's time-skipping server. */
export class CubeServer {
  private readonly worlds = new Map<string, FakeCube>();

  private constructor(
    private readonly environment: TestWorkflowEnvironment,
    private readonly worker: Worker,
    private readonly running: Promise<void>,
    worlds: Map<string, FakeCube>,
  ) {
    this.worlds = worlds;
  }

  static async start(): Promise<CubeServer> {
    Runtime.install(quietRuntime);
    const environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: inject('timeSkippingServer') } },
    });
    await addSearchAttributes(environment);
    const worlds = new Map<string, FakeCube>();
    const activities = Object.fromEntries(
      (Object.keys(answers) as CubeStep[]).map((name) => [
        name,
        (...args: unknown[]) => worldOf(worlds).perform(name, args),
      ]),
    );
    const worker = await createWorker({
      connection: environment.nativeConnection,
      namespace: environment.client.options.namespace,
      taskQueue: taskQueues.control,
      workflowBundle: { codePath: workflowBundlePath },
      activities: { ...activities, checkProof: async () => true },
    });
    return new CubeServer(environment, worker, worker.run(), worlds);
  }

  async stop(): Promise<void> {
    this.worker.shutdown();
    await this.running;
    await this.environment.teardown();
  }

  async deploy(cubeId: string, world: FakeCube, change: CubeChange) {
    this.worlds.set(cubeId, world);
    const input = { cubeId, change, by: 'tester', readySeconds: 60, watchSeconds: 3 };
    return this.environment.client.workflow.start<(given: typeof input) => Promise<DeploymentView>>('cubeDeployment', {
      workflowId: `deployment/${cubeId}`,
      taskQueue: taskQueues.control,
      args: [input],
    });
  }

  async rollBack(cubeId: string, world: FakeCube, targetVersion: string | null = '0.9') {
    this.worlds.set(cubeId, world);
    const input: RollbackInput = { cubeId, targetVersion, by: 'tester', readySeconds: 30, watchSeconds: 2 };
    const handle = await this.environment.client.workflow.start<(given: RollbackInput) => Promise<RollbackView>>(
      'emergencyRollback',
      { workflowId: `rollback/${cubeId}`, taskQueue: taskQueues.control, args: [input] },
    );
    const view = () => publishedView<RollbackView>(handle);
    return {
      handle,
      view,
      acknowledge: (answer: Partial<Acknowledgement> = {}) =>
        handle.executeUpdate<void, [Acknowledgement]>('acknowledge', {
          args: [{ by: 'a person', why: 'seen', retry: false, ...answer }],
        }),
      join: (targetVersion: string | null) =>
        handle.executeUpdate<void, [RollbackCall]>('join', { args: [{ by: 'a caller', targetVersion }] }),
      /** Lets time fly until it waits for a person. */
      escalated: async () => {
        let found: RollbackView | undefined;
        await until('a person to be called', async () => {
          await this.environment.sleep('10 seconds');
          found = await view();
          return found.status === 'escalated';
        });
        return found ?? (await view());
      },
    };
  }
}

/** The activity's run says whose world it is in. */
function worldOf(worlds: ReadonlyMap<string, FakeCube>): FakeCube {
  const cubeId = Context.current().info.workflowExecution?.workflowId.split('/')[1] ?? '';
  const world = worlds.get(cubeId);
  if (world === undefined) throw new Error(`no cube ${cubeId} was made`);
  return world;
}
