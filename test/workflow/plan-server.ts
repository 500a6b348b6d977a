import { setTimeout as sleep } from 'node:timers/promises';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, type Worker, type WorkerOptions } from '@temporalio/worker';
import { inject } from 'vitest';
import { defaultOptionsOf, type MigrationKind, workflowTypeOf } from '../../src/domain/catalog.js';
import {
  type MigrationAction,
  type MigrationId,
  type MigrationStage,
  type MigrationStatus,
  type SteeringRequest,
  workflowIdOf,
} from '../../src/domain/migration/migration.js';
import type { MigrationOptions } from '../../src/domain/migration/options.js';
import { taskQueues } from '../../src/domain/task-queues.js';
import { registerSearchAttributes } from '../../src/workers/search-attributes.js';
import { createWorker, workflowBundlePath } from '../../src/workers/worker.js';
import type { CarriedRun } from '../../src/workflows/lib/carried-run.js';
import { statusQuery } from '../../src/workflows/lib/messages.js';
import type { MigrationOutcome } from '../../src/workflows/lib/run-migration.js';
import { until } from '../support/conditions.js';
import { createNamespace } from '../support/engine.js';
import { quietRuntime } from '../support/quiet-runtime.js';
import { type ActivityName, bulkStepNames, controlStepNames, FakeLedger } from './fake-ledger.js';
import { addSearchAttributes } from './search-attributes.js';

/** The compiled plan on Temporal's time-skipping server, with workers whose activities are answered by fake ledgers. */
export class PlanServer {
  private readonly ledgers = new Map<string, FakeLedger>();
  private running: Promise<void>[] = [];
  private workers: Worker[] = [];

  private constructor(
    readonly environment: TestWorkflowEnvironment,
    private readonly kind: MigrationKind,
    private readonly workflowBundle: WorkerOptions['workflowBundle'],
  ) {}

  /** `kind` and `workflowBundle`: of a kind that the catalogue does not have. */
  static async start(
    kind: MigrationKind = 'saju-records',
    workflowBundle: WorkerOptions['workflowBundle'] = { codePath: workflowBundlePath },
  ): Promise<PlanServer> {
    keepQuiet();
    const environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: inject('timeSkippingServer') } },
    });
    await addSearchAttributes(environment);
    const server = new PlanServer(environment, kind, workflowBundle);
    await server.startWorkers();
    return server;
  }

  /** The same on the real server, for what the time-skipping one does otherwise. Time does not fly there. */
  static async startOnRealServer(
    kind: MigrationKind = 'saju-records',
    workflowBundle: WorkerOptions['workflowBundle'] = { codePath: workflowBundlePath },
  ): Promise<PlanServer> {
    keepQuiet();
    const address = inject('servers').temporalAddress;
    const namespace = await createNamespace(address);
    const environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
    await until('the namespace to be known', async () =>
      registerSearchAttributes(environment.nativeConnection, namespace).then(
        () => true,
        () => false,
      ),
    );
    const server = new PlanServer(environment, kind, workflowBundle);
    await server.startWorkers();
    return server;
  }

  async stop(): Promise<void> {
    for (const worker of this.workers) worker.shutdown();
    await Promise.all(this.running);
    await this.environment.teardown();
  }

  /** Starts the plan of a run; `prepare` tells its ledger what to answer. */
  async begin(
    id: string,
    prepare: (ledger: FakeLedger) => void = () => undefined,
    options: Partial<MigrationOptions> = {},
  ): Promise<PlanRun> {
    const ledger = new FakeLedger();
    prepare(ledger);
    return this.run(id, ledger, options, []);
  }

  /** Starts the plan of a run whose plan was lost, as the control API does. */
  async beginAgain(id: string, ledger: FakeLedger): Promise<PlanRun> {
    const { sequence = 0, stage = 'preflight' } = ledger.state ?? {};
    const counted = { estimatedRows: 0, migrated: 0, rejected: 0 };
    const carried: CarriedRun = { completed: [], undos: [], ...counted, startedAgain: true, sequence, stage };
    return this.run(id, ledger, {}, [carried]);
  }

  private async run(
    id: string,
    ledger: FakeLedger,
    options: Partial<MigrationOptions>,
    carried: readonly CarriedRun[],
  ): Promise<PlanRun> {
    this.ledgers.set(id, ledger);
    const migrationId = id as MigrationId;
    const handle = await this.environment.client.workflow.start(workflowTypeOf(this.kind), {
      workflowId: workflowIdOf(this.kind, migrationId),
      taskQueue: taskQueues.control,
      args: [
        {
          id: migrationId,
          kind: this.kind,
          mode: 'copy',
          options: { ...defaultOptionsOf(this.kind), ...options },
        },
        ...carried,
      ],
    });
    return new PlanRun(this.environment, handle.workflowId, ledger);
  }

  /** Lets time fly until something has come about: for many runs at once, since two such flights are too much for the server. */
  fly<T>(until: () => Promise<T>): Promise<T> {
    return fly(this.environment, until);
  }

  private async startWorkers(): Promise<void> {
    const common = {
      connection: this.environment.nativeConnection,
      namespace: this.environment.client.options.namespace,
    };
    this.workers = await Promise.all([
      createWorker({
        ...common,
        taskQueue: taskQueues.control,
        ...(this.workflowBundle === undefined ? {} : { workflowBundle: this.workflowBundle }),
        activities: { ...this.activities(controlStepNames), checkProof: async () => true },
      }),
      createWorker({
        ...common,
        taskQueue: taskQueues.bulk,
        activities: this.activities(bulkStepNames),
        maxHeartbeatThrottleInterval: '50 milliseconds',
      }),
    ]);
    this.running = this.workers.map((worker) => worker.run());
  }

  private activities(names: readonly ActivityName[]) {
    return Object.fromEntries(
      names.map((name) => [
        name,
        (...args: [{ migrationId: string }, ...unknown[]]) => this.ledgerOf(args[0].migrationId).perform(name, args),
      ]),
    );
  }

  private ledgerOf(id: string): FakeLedger {
    const ledger = this.ledgers.get(id);
    if (ledger === undefined) throw new Error(`no run ${id} was begun`);
    return ledger;
  }
}

/** One run of the plan. */
export class PlanRun {
  constructor(
    private readonly environment: TestWorkflowEnvironment,
    private readonly workflowId: string,
    readonly ledger: FakeLedger,
  ) {}

  /** The newest execution of the run, whatever was continued as new. */
  get handle() {
    return this.environment.client.workflow.getHandle<() => Promise<MigrationOutcome>>(this.workflowId);
  }

  /** Returns once the plan has accepted the command; rejects where the plan refuses it. */
  async steer(action: MigrationAction, request: Partial<SteeringRequest> = {}): Promise<void> {
    const applied = (await this.submit(action, request)).result();
    applied.catch(() => undefined);
    // A refusal came with the answer to the submission.
    await Promise.race([applied, sleep(0)]);
  }

  /** Submits a command; the handle's result comes once the plan has applied it and the ledger holds the new state. */
  submit(action: MigrationAction, request: Partial<SteeringRequest> = {}) {
    return this.handle.startUpdate<void, [SteeringRequest]>(action, {
      args: [{ by: 'tester', ...request }],
      waitForStage: 'ACCEPTED',
    });
  }

  status() {
    return this.handle.query(statusQuery);
  }

  /** Lets time fly until the run rests there. */
  async flyTo(status: MigrationStatus, stage: MigrationStage) {
    return fly(this.environment, () => this.ledger.untilState(status, stage));
  }

  /** Lets time fly until the plan ends. */
  async end(): Promise<MigrationOutcome['status']> {
    return (await this.handle.result()).status;
  }

  /** Waits until the run rests verified, then accepts it. */
  async accept(): Promise<MigrationOutcome['status']> {
    await this.ledger.untilState('waiting', 'verified');
    await this.steer('complete');
    return this.end();
  }

  /** What the Web UI shows of the run. */
  async details(): Promise<string> {
    const metadata = await this.handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return metadata.currentDetails ?? '';
  }

  /** What the newest execution was handed by the one before; undefined for the first. */
  async carried(): Promise<CarriedRun | undefined> {
    const [started] = await this.events();
    const payload = started?.workflowExecutionStartedEventAttributes?.input?.payloads?.[1];
    return payload?.data ? (JSON.parse(Buffer.from(payload.data).toString('utf8')) as CarriedRun) : undefined;
  }

  async events(runId?: string | null) {
    const handle = runId ? this.environment.client.workflow.getHandle(this.workflowId, runId) : this.handle;
    return (await handle.fetchHistory()).events ?? [];
  }
}

async function fly<T>(environment: TestWorkflowEnvironment, until: () => Promise<T>): Promise<T> {
  const there = until();
  let arrived = false;
  const flight = async () => {
    while (!arrived) await environment.sleep('1 minute');
  };
  const flying = flight();
  try {
    return await there;
  } finally {
    arrived = true;
    await flying;
  }
}

/** Failing activities are what these tests are about; their warnings would bury the results. */
function keepQuiet(): void {
  Runtime.install(quietRuntime);
}
