import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { cubeIdOf } from '../../domain/cubes.js';
import { describeRamp } from '../../domain/plan-descriptions.js';
import type { StepFence } from '../../domain/step-fence.js';
import { atNewStep, freshEvidence } from '../../domain/traffic/ramp/evidence.js';
import {
  allowedRampActions,
  allowedRampActionsWhilePending,
  type RampAction,
  type RampInput,
  type RampRequest,
  type RampStatus,
  type RampView,
  rampActions,
} from '../../domain/traffic/ramp/ramp.js';
import { newRampState, type RampReason, type RampState, rampView } from '../../domain/traffic/ramp/state.js';
import { BackgroundWork } from './background-work.js';
import { renewHistory } from './history.js';
import { rampUpdate } from './messages.js';
import { type Command, notAtThisStage, PendingCommand } from './pending-command.js';
import { PublishedView } from './published-view.js';
import { rampDetails } from './ramp-details.js';
import type { ReceivedRequests } from './received-requests.js';
import { PlanStatus } from './status.js';

export type RampCommand = Command<RampAction, RampRequest>;

/** One ramp as its plan sees it. The plan changes the state; commands interrupt the observation under way. */
export class RampRun {
  readonly state: RampState;
  private fenceSequence = 0;
  private readonly background = new BackgroundWork();
  private readonly planStatus: PlanStatus;
  private readonly published = new PublishedView<RampView>();
  private readonly commands = new PendingCommand<RampAction, RampRequest>((pending) =>
    allowedRampActionsWhilePending(pending, allowedRampActions(this.state.status)),
  );

  constructor(
    readonly input: RampInput,
    carried: RampState | undefined,
    private readonly received: ReceivedRequests,
  ) {
    this.state = carried === undefined ? newRampState(Date.now()) : { ...carried };
    this.planStatus = new PlanStatus('ramp', cubeIdOf(input.cube), describeRamp(input));
    this.listen();
    this.show();
  }

  get ended(): boolean {
    return this.state.status === 'completed' || this.state.status === 'stopped';
  }

  get view(): RampView {
    return rampView(this.input, this.state, workflowInfo().runId);
  }

  /** Changes the status of the ramp, or only the reason for it. */
  enter(status: RampStatus, why: RampReason): void {
    const { state } = this;
    if (status !== state.status) state.since = Date.now();
    state.status = status;
    state.why = why;
    if (status !== 'holding_off') state.holdOffUntil = null;
    this.show();
  }

  /** A new step: the weight is the ramp's own from now on. `afresh` drops all evidence about the cube. */
  setStep(percentage: number, afresh = false): void {
    const { state } = this;
    state.percentage = percentage;
    state.found = percentage;
    state.evidence = afresh ? freshEvidence : atNewStep(state.evidence);
  }

  /** Goes on from a weight that the ramp found. At 0 % the evidence of earlier observations does not count. */
  adoptWeight(percentage: number): void {
    const { missing, unreadyTimes } = this.state.evidence;
    this.setStep(percentage, percentage === 0);
    // What this very observation saw of the cube does count.
    if (percentage === 0) this.state.evidence = { ...this.state.evidence, missing, unreadyTimes };
  }

  /** The number of a change that is made once. Numbers are the run's own, so that a new history, or one after a reset, has new ones. */
  nextFence(): StepFence {
    const { workflowId, runId } = workflowInfo();
    return { holderId: `${workflowId}/${runId}`, sequence: ++this.fenceSequence };
  }

  /** Executes the pending command, and those that come meanwhile. */
  async applyPendingCommand(execute: (command: RampCommand) => Promise<void>): Promise<void> {
    for (let command = this.commands.take(); command !== undefined; command = this.commands.take()) {
      // The status may have changed since the command was accepted.
      const fits = allowedRampActions(this.state.status).includes(command.action);
      if (fits) await execute(command);
      this.commands.settle(fits ? 'applied' : 'overtaken');
    }
  }

  /** Runs `work`; a command stops it, and undefined is returned. */
  async untilCommanded<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.isInterrupted) return undefined;
    try {
      return await this.commands.interruptible(work);
    } catch (error) {
      if (this.isInterrupted && isCancellation(error)) return undefined;
      throw error;
    }
  }

  /** Runs `work` while the plan runs; only the end and a new history wait for it. */
  runInBackground(work: () => Promise<void>): void {
    this.background.start(work);
  }

  /** Waits until a command comes, and no longer than `millis`. */
  async rest(millis: number): Promise<void> {
    this.show();
    await condition(() => this.isInterrupted, Math.max(1, millis), { summary: 'Wait until the next look' });
  }

  /** Between two observations: begins a new history where this one has grown long. */
  renewHistory(): Promise<void> {
    return renewHistory({
      isBusy: () => this.isInterrupted || !this.background.isDone || !this.received.settled,
      settle: async () => undefined,
      continueRun: () => continueAsNew(this.input, this.state satisfies RampState),
    });
  }

  /** Waits for everything that the end would cut off. */
  async finish(): Promise<void> {
    this.commands.close();
    await condition(() => allHandlersFinished() && this.background.isDone && this.received.settled);
  }

  /** Temporal's own cancellation is a `stop`, after a command that comes before it. */
  async cancelledFromOutside(): Promise<void> {
    this.received.receiveCancellation();
    await CancellationScope.nonCancellable(() => condition(() => this.ended || this.commands.accepts('stop')));
    if (!this.ended) await this.commands.submit({ action: 'stop', request: { by: 'temporal' } });
  }

  private get isInterrupted(): boolean {
    return this.commands.action !== undefined;
  }

  private listen(): void {
    for (const action of rampActions) {
      const handle = async (request: RampRequest) => {
        this.received.receiveUpdate(action, request);
        // The caller must not believe that a command was applied which was not.
        if ((await this.commands.submit({ action, request })) === 'overtaken')
          throw notAtThisStage(this.refusalOf(action), allowedRampActions(this.state.status));
        return this.view;
      };
      setHandler(rampUpdate(action), handle, { validator: (request) => this.validate(action, request) });
    }
  }

  private validate(action: RampAction, { percentage }: RampRequest): void {
    this.commands.check(action, () => this.refusalOf(action));
    if (action === 'set' && !(Number.isInteger(percentage) && Number(percentage) >= 0 && Number(percentage) <= 100))
      throw ApplicationFailure.create({
        type: 'invalid_input',
        message: 'percentage must be a whole number from 0 to 100.',
        nonRetryable: true,
      });
  }

  private refusalOf(action: RampAction): string {
    const pending = this.commands.action;
    const about = pending === undefined ? '' : `, about to ${pending}`;
    return `${action} is not possible while the ramp is ${this.state.status}${about}.`;
  }

  private show(): void {
    const { view } = this;
    this.planStatus.show(`${view.percentage} %`, view.status, rampDetails(view));
    this.published.publish(view);
  }
}
