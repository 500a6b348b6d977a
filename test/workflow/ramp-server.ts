import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, type Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import { taskQueues } from '../../src/domain/task-queues.js';
import type { RampAction, RampInput, RampRequest, RampStatus, RampView } from '../../src/domain/traffic/ramp/ramp.js';
import { rampWorkflowId } from '../../src/domain/traffic/ramp/ramp.js';
import { usualSettings } from '../../src/domain/traffic/ramp/settings.js';
import { createWorker, workflowBundlePath } from '../../src/workers/worker.js';
import { rampUpdate } from '../../src/workflows/lib/messages.js';
import { until } from '../support/conditions.js';
import { quietRuntime } from '../support/quiet-runtime.js';
import type { FakeTraffic } from './fake-traffic.js';
import { publishedView } from './published-view.js';
import { addSearchAttributes } from './search-attributes.js';

/** The compiled plan of a ramp on Temporal's time-skipping server; one world of traffic a test. */
export class RampServer {
  private constructor(
    readonly environment: TestWorkflowEnvironment,
    private readonly worker: Worker,
    private readonly running: Promise<void>,
    private readonly world: { traffic: FakeTraffic | undefined },
  ) {}

  /** Once a process, before the first server. */
  static quiet(): void {
    Runtime.install(quietRuntime);
  }

  static async start(): Promise<RampServer> {
    const environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: inject('timeSkippingServer') } },
    });
    await addSearchAttributes(environment);
    const world: { traffic: FakeTraffic | undefined } = { traffic: undefined };
    const worker = await rampWorker(environment, world);
    return new RampServer(environment, worker, worker.run(), world);
  }

  async stop(): Promise<void> {
    this.worker.shutdown();
    await this.running;
    await this.environment.teardown();
  }

  /** Starts a ramp of the saju cube in that world. */
  async begin(traffic: FakeTraffic, input: Partial<RampInput> = {}): Promise<Ramp> {
    this.world.traffic = traffic;
    await this.environment.client.workflow.start('trafficRamp', {
      workflowId: rampWorkflowId('saju'),
      taskQueue: taskQueues.control,
      args: [
        {
          cube: 'saju',
          steps: [10, 50, 100],
          settings: { ...usualSettings, check_interval_seconds: 300 },
          by: 'tester',
          ...input,
        } satisfies RampInput,
      ],
    });
    return new Ramp(this.environment, traffic);
  }
}

function rampWorker(
  environment: TestWorkflowEnvironment,
  world: { traffic: FakeTraffic | undefined },
): Promise<Worker> {
  const ask = (name: keyof FakeTraffic['activities']) => (argument: never) => world.traffic?.activities[name](argument);
  return createWorker({
    connection: environment.nativeConnection,
    namespace: environment.client.options.namespace,
    taskQueue: taskQueues.control,
    workflowBundle: { codePath: workflowBundlePath },
    activities: {
      observeTraffic: ask('observeTraffic'),
      compareUserLatencies: ask('compareUserLatencies'),
      checkWrites: ask('checkWrites'),
      setWeight: ask('setWeight'),
      recordMove: ask('recordMove'),
      checkProof: async () => true,
    },
  });
}

/** The ramp under test, whatever was continued as new. */
export class Ramp {
  constructor(
    private readonly environment: TestWorkflowEnvironment,
    readonly traffic: FakeTraffic,
  ) {}

  get handle() {
    return this.environment.client.workflow.getHandle<() => Promise<RampView>>(rampWorkflowId('saju'));
  }

  view(): Promise<RampView> {
    return publishedView(this.handle);
  }

  /** Asks, and waits for the look that follows: the time-skipping server stands still once one outlives its plan. */
  async ask(action: RampAction, request: Partial<RampRequest> = {}): Promise<RampView> {
    const view = await this.handle.executeUpdate(rampUpdate(action), { args: [{ by: 'tester', ...request }] });
    if (action !== 'stop') await until('another look', async () => (await this.view()).checks > view.checks);
    return view;
  }

  /** Submits a command; the handle's result comes once the plan has applied it. */
  submit(action: RampAction, request: Partial<RampRequest> = {}) {
    const args: [RampRequest] = [{ by: 'tester', ...request }];
    return this.handle.startUpdate(rampUpdate(action), { args, waitForStage: 'ACCEPTED' });
  }

  /** Lets time fly until the ramp is as `fits` says, and no further than half a minute. */
  async fly(what: string, fits: (view: RampView) => boolean): Promise<RampView> {
    const deadline = Date.now() + patienceMillis;
    for (;;) {
      const view = await this.view();
      if (fits(view)) return view;
      if (Date.now() > deadline)
        throw new Error(`waited in vain for the ramp to be ${what}; it says: ${view.sentence}`);
      await this.environment.sleep('2 minutes');
    }
  }

  flyTo(status: RampStatus): Promise<RampView> {
    return this.fly(status, (view) => view.status === status);
  }

  /** Lets time fly until it ends. */
  end(): Promise<RampView> {
    return this.handle.result();
  }

  async stop(): Promise<void> {
    await this.ask('stop');
    await this.end();
  }
}

const patienceMillis = 50_000;
