import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepFence } from '../../domain/step-fence.js';
import { likelihoodRatio } from '../../domain/traffic/ramp/always-valid.js';
import type { CounterSnapshot } from '../../domain/traffic/ramp/counters.js';
import { atNewStep, type Evidence, freshEvidence } from '../../domain/traffic/ramp/evidence.js';
import type { RampVerdict } from '../../domain/traffic/ramp/gate.js';
import {
  allowedRampActions,
  type RampAction,
  type RampInput,
  type RampRequest,
  type RampRollback,
  type RampStatus,
  type RampView,
  rampActions,
  rampWorkflowId,
} from '../../domain/traffic/ramp/ramp.js';
import { loweredSettings } from '../../domain/traffic/ramp/settings.js';
import { Listing } from './listing.js';
import { rampQuery, rampUpdate } from './messages.js';
import type { ReceivedRequests } from './received-requests.js';

/** What a person or a program asked of the ramp, as the plan takes it up. */
export interface RampCommand {
  readonly action: RampAction;
  readonly request: RampRequest;
}

interface QueuedRequest extends RampCommand {
  /** Where whoever asked finds what became of it; undefined until it was looked at. */
  outcome?: 'carried_out' | 'overtaken';
}

/** Why the ramp is where it is. */
export interface RampReason {
  readonly verdict: RampVerdict | null;
  readonly reason: string;
  readonly sentence: string;
}

/** All that a ramp remembers across a continue-as-new; plain data. */
export interface CarriedRamp {
  readonly status: RampStatus;
  readonly since: number;
  readonly why: RampReason;
  readonly percentage: number;
  readonly found: number;
  readonly revision?: number | undefined;
  readonly began: boolean;
  readonly evidence: Evidence;
  readonly snapshot: CounterSnapshot;
  readonly lastLook: number | null;
  readonly checks: number;
  readonly rollbacks: readonly RampRollback[];
  readonly holdOffUntil: number | null;
}

/** The state of one ramp and how it is steered. The plan changes it; updates reach it through a queue. */
export class RampRun {
  /** The weight that the ramp set, or took over. */
  percentage: number;
  /** The weight that was found at the last look; another one than the ramp's was set by somebody else. */
  found: number;
  /** How many changes of the flags had been made when they were seen last; undefined before. */
  revision: number | undefined;
  /** Whether the weight that the ramp begins at has been seen. */
  began: boolean;
  evidence: Evidence;
  snapshot: CounterSnapshot;
  /** When gateways were looked at last, epoch milliseconds; null before the first time. */
  lastLook: number | null;
  checks: number;
  rollbacks: readonly RampRollback[];
  holdOffUntil: number | null;
  private currentStatus: RampStatus;
  private since: number;
  private why: RampReason;
  private readonly queue: QueuedRequest[] = [];
  private backgroundWork = 0;
  private workScope: CancellationScope | undefined;
  private fenceSequence = 0;
  private readonly listing = new Listing('ramp');

  constructor(
    readonly input: RampInput,
    carried: CarriedRamp | undefined,
    private readonly received: ReceivedRequests,
  ) {
    this.currentStatus = carried?.status ?? 'ramping';
    this.since = carried?.since ?? Date.now();
    this.why = carried?.why ?? { verdict: null, reason: 'started', sentence: 'The ramp was started; it looks around.' };
    this.percentage = carried?.percentage ?? 0;
    this.found = carried?.found ?? 0;
    this.revision = carried?.revision;
    this.began = carried?.began ?? false;
    this.evidence = carried?.evidence ?? freshEvidence;
    this.snapshot = carried?.snapshot ?? {};
    this.lastLook = carried?.lastLook ?? null;
    this.checks = carried?.checks ?? 0;
    this.rollbacks = carried?.rollbacks ?? [];
    this.holdOffUntil = carried?.holdOffUntil ?? null;
    this.listen();
    this.show();
  }

  get status(): RampStatus {
    return this.currentStatus;
  }

  get ended(): boolean {
    return this.currentStatus === 'completed' || this.currentStatus === 'stopped';
  }

  get reason(): string {
    return this.why.reason;
  }

  /** Changes where the ramp stands, or only why. */
  enter(status: RampStatus, why: RampReason): void {
    if (status !== this.currentStatus) this.since = Date.now();
    this.currentStatus = status;
    this.why = why;
    if (status !== 'holding_off') this.holdOffUntil = null;
    this.show();
  }

  /** A weight that is the ramp's own from now on: a new step. `afresh` forgets what was seen of the cube before. */
  setStep(percentage: number, afresh = false): void {
    this.percentage = percentage;
    this.found = percentage;
    this.evidence = afresh ? freshEvidence : atNewStep(this.evidence);
  }

  /** A weight that was found, which the ramp goes on from. At 0 % nothing that was seen of the cube before counts. */
  adoptWeight(percentage: number): void {
    const { missing, unreadyTimes } = this.evidence;
    this.setStep(percentage, percentage === 0);
    // What this very look saw of the cube does count.
    if (percentage === 0) this.evidence = { ...this.evidence, missing, unreadyTimes };
  }

  /** What a change is counted by that is made once. A run has turns of its own, so that a new history, or one reset, has too. */
  nextFence(): StepFence {
    const { workflowId, runId } = workflowInfo();
    return { holderId: `${workflowId}/${runId}`, sequence: ++this.fenceSequence };
  }

  /** Takes up what was asked, one after the other. */
  async executePendingCommands(carryOut: (asked: RampCommand) => Promise<void>): Promise<void> {
    for (let asked = this.queue.shift(); asked !== undefined; asked = this.queue.shift()) {
      // What was accepted may have been overtaken by what was asked before it.
      const fits = allowedRampActions(this.status).includes(asked.action);
      if (fits) await carryOut(asked);
      asked.outcome = fits ? 'carried_out' : 'overtaken';
    }
  }

  /** Runs `work`; what is asked meanwhile stops it, and undefined is returned. */
  async untilCommanded<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.queue.length > 0) return undefined;
    const scope = new CancellationScope();
    this.workScope = scope;
    try {
      return await scope.run(work);
    } catch (error) {
      if (this.queue.length > 0 && isCancellation(error)) return undefined;
      throw error;
    } finally {
      this.workScope = undefined;
    }
  }

  /** Lets `work` go on beside the plan, which only its end and a new history wait for. */
  runInBackground(work: () => Promise<void>): void {
    this.backgroundWork++;
    void work().finally(() => {
      this.backgroundWork--;
    });
  }

  /** Waits until nothing is at work any more that an end would cut off. */
  async finish(): Promise<void> {
    await condition(() => allHandlersFinished() && this.backgroundWork === 0 && this.received.settled);
  }

  /** Waits until something is asked, at most so long. */
  async rest(millis: number): Promise<void> {
    await condition(() => this.queue.length > 0, Math.max(1, millis));
  }

  /** Between two looks: starts a fresh history when this one has grown long. */
  async renewHistory(): Promise<void> {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if ((!continueAsNewSuggested && historyLength < longHistory) || this.isBusy) return;
    await condition(allHandlersFinished);
    if (this.isBusy) return;
    await continueAsNew(this.input, {
      status: this.status,
      since: this.since,
      why: this.why,
      percentage: this.percentage,
      found: this.found,
      revision: this.revision,
      began: this.began,
      evidence: this.evidence,
      snapshot: this.snapshot,
      lastLook: this.lastLook,
      checks: this.checks,
      rollbacks: this.rollbacks,
      holdOffUntil: this.holdOffUntil,
    } satisfies CarriedRamp);
  }

  /** What a new history would cut off: requests, and what goes on beside the plan. */
  private get isBusy(): boolean {
    return this.queue.length > 0 || this.backgroundWork > 0 || !this.received.settled;
  }

  /** Temporal's own cancellation stops the ramp. */
  cancelledFromOutside(): void {
    this.received.receiveCancellation();
    this.enqueue({ action: 'stop', request: { by: 'temporal' } });
  }

  private enqueue(asked: RampCommand): QueuedRequest {
    const queued: QueuedRequest = { ...asked };
    this.queue.push(queued);
    this.workScope?.cancel();
    return queued;
  }

  get view(): RampView {
    const { input, evidence } = this;
    const { latency, shadow } = evidence;
    return {
      cube: input.cube,
      workflow_id: rampWorkflowId(input.cube),
      status: this.status,
      percentage: this.found,
      target_percentage: input.steps.at(-1) ?? 0,
      steps: input.steps,
      ...this.why,
      since: new Date(this.since).toISOString(),
      checks: this.checks,
      checked_at: this.lastLook === null ? null : new Date(this.lastLook).toISOString(),
      evidence: {
        step_watched_seconds: Math.round(evidence.step.watchedMillis / 1000),
        step_requests: evidence.step.requests,
        step_failed_requests: evidence.step.failed,
        likelihood_ratio: Number(likelihoodRatio(evidence.errors).toPrecision(3)),
        cube_p99_ms: inMillis(latency.cubeSeconds),
        legacy_p99_ms: inMillis(latency.legacySeconds),
        shadow_compared: Object.values(shadow.compared).reduce((sum, count) => sum + count, 0),
        shadow_mismatched: shadow.mismatched.reduce((sum, { count }) => sum + count, 0),
      },
      rollbacks: this.rollbacks,
      hold_off_until: this.holdOffUntil === null ? null : new Date(this.holdOffUntil).toISOString(),
      settings: input.settings,
      lowered: loweredSettings(input.settings),
      started_by: input.by,
      actions: allowedRampActions(this.status),
    };
  }

  private listen(): void {
    for (const action of rampActions) {
      setHandler(
        rampUpdate(action),
        async (request: RampRequest) => {
          this.received.receiveUpdate(action, request);
          const mine = this.enqueue({ action, request });
          await condition(() => mine.outcome !== undefined || this.ended);
          // Whoever asked must not take for done what was not.
          if (mine.outcome !== 'carried_out') throw this.refusal(action);
          return this.view;
        },
        { validator: (request: RampRequest) => this.validate(action, request) },
      );
    }
    setHandler(rampQuery, () => this.view);
  }

  private validate(action: RampAction, { percentage }: RampRequest): void {
    if (!allowedRampActions(this.status).includes(action)) throw this.refusal(action);
    if (action === 'set' && !(Number.isInteger(percentage) && Number(percentage) >= 0 && Number(percentage) <= 100))
      throw ApplicationFailure.create({
        type: 'invalid_input',
        message: 'percentage must be a whole number from 0 to 100.',
        nonRetryable: true,
      });
  }

  private refusal(action: RampAction): ApplicationFailure {
    return ApplicationFailure.create({
      type: 'not_at_this_stage',
      message: `${action} is not possible while the ramp is ${this.status}.`,
      nonRetryable: true,
      details: [{ actions: allowedRampActions(this.status) }],
    });
  }

  /** What the Temporal Web UI tells without any other page open. */
  private show(): void {
    const { view } = this;
    this.listing.show(`${view.percentage} %`, view.status);
    setCurrentDetails(
      [
        `**${view.status}** at **${view.percentage} %** of ${view.target_percentage} %`,
        view.sentence,
        ...view.rollbacks.map(
          ({ at, from_percentage, sentence }) => `Went back from ${from_percentage} % at ${at}: ${sentence}`,
        ),
        ...(view.lowered.length === 0 ? [] : [`Less proof than usual is asked for: ${view.lowered.join('; ')}`]),
        `Possible now: ${view.actions.join(', ') || 'nothing'}`,
      ].join('\n\n'),
    );
  }
}

/** Events after which a history is renewed, well below the server's own suggestion. */
const longHistory = 1500;

function inMillis(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 10_000) / 10;
}
