import { allHandlersFinished, CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type {
  DeploymentCall,
  DeploymentInput,
  DeploymentStatus,
  DeploymentView,
} from '../../domain/deployment/deployment.js';
import type { DesiredCube } from '../../domain/deployment/desired-cubes.js';
import { describeDeployment } from '../../domain/plan-descriptions.js';
import { cubeChangeDetails } from '../lib/cube-change-details.js';
import { CubeChangeRun } from '../lib/cube-change-run.js';
import { beginUpdate } from '../lib/messages.js';
import { PublishedView } from '../lib/published-view.js';
import type { ReceivedRequests } from '../lib/received-requests.js';
import { PlanStatus } from '../lib/status.js';

export interface DeploymentEnding {
  readonly status: DeploymentStatus;
  readonly sentence: string;
  /** The type of what went wrong. */
  readonly failure: string | null;
}

/** Steps in which a change that cannot be made is refused, before it changes anything for users. */
const refusingSteps: readonly string[] = ['begin', 'take', 'start', 'take_back'];

/** One change of a cube as its plan sees it: what it did, how it ended, and its view. */
export class DeploymentRun extends CubeChangeRun {
  before: DesiredCube | undefined;
  private ending: DeploymentEnding | undefined;
  private readonly planStatus: PlanStatus;
  private readonly published = new PublishedView<DeploymentView>();

  constructor(
    readonly input: DeploymentInput,
    readonly received: ReceivedRequests,
  ) {
    super(input.cubeId);
    this.planStatus = new PlanStatus('deployment', input.cubeId, describeDeployment(input));
    setHandler(beginUpdate, async (call: DeploymentCall) => {
      this.received.receiveUpdate('begin', call);
      await CancellationScope.nonCancellable(() => condition(() => this.isBegun));
      return this.view;
    });
    this.show();
  }

  newVersionCheck(version: string) {
    return { change: this.change, version, seconds: this.input.readySeconds };
  }

  watched(version: string) {
    return { change: this.change, version, seconds: this.input.watchSeconds };
  }

  protected override show(): void {
    const { currentStep, ending, goal, steps } = this;
    const status = ending?.status ?? 'running';
    const sentence = ending?.sentence ?? `${currentStep}: ${goal}`;
    const look = `cubeshift cubes status ${this.input.cubeId}`;
    this.planStatus.show(currentStep, status, cubeChangeDetails({ status, sentence, steps, next: [], look }));
    this.published.publish(this.view);
  }

  /** Ends the change, after every update has been answered. */
  async end(ending: DeploymentEnding): Promise<void> {
    this.ending = ending;
    this.recordStep(ending.status, ending.sentence);
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  }

  /** Whether the change is past the steps that may refuse it at once, or has ended. */
  private get isBegun(): boolean {
    return this.ending !== undefined || !refusingSteps.includes(this.currentStep);
  }

  /** What is changed, as a sentence begins. */
  get what(): string {
    const { change } = this.input;
    return change.kind === 'deploy' ? `Version ${change.version}` : `The ${change.kind}`;
  }

  get view(): DeploymentView {
    const { change, by, cubeId } = this.input;
    return {
      cube_id: cubeId,
      ...this.plan,
      change: change.kind,
      version: change.kind === 'deploy' ? change.version : (this.before?.active ?? null),
      previous_version: this.before?.active ?? null,
      status: this.ending?.status ?? 'running',
      failure: this.ending?.failure ?? null,
      step: this.currentStep,
      sentence: this.ending?.sentence ?? this.steps.at(-1)?.sentence ?? 'It has just begun.',
      by,
      steps: [...this.steps],
    };
  }
}
