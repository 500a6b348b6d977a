import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import { type FailureReport, failureRule, isFailureType } from '../../base/failures.js';
import {
  allowedActions,
  allowedWhilePending,
  type BlockReason,
  endedStatuses,
  endsRun,
  type MigrationAction,
  type MigrationInput,
  type MigrationStage,
  type MigrationState,
  type MigrationStatus,
  migrationActions,
  type SteeringRequest,
} from '../../domain/migration/migration.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { kindAttribute, stageAttribute, statusAttribute, statusQuery, steeringUpdate } from './messages.js';
import { untilDone } from './options.js';
import type { ReceivedRequests } from './received-requests.js';
import { Saga } from './saga.js';

const steps = proxyActivities<Pick<LedgerSteps, 'recordState' | 'recordPending'>>(untilDone);

/** What an operator asked for, as the plan takes it up. */
export interface SteeringCommand {
  readonly action: MigrationAction;
  readonly request: SteeringRequest;
}

/** What a blocked, failed or resting run adds to its state. */
interface StateDetails {
  readonly blockedBy?: BlockReason;
  readonly error?: FailureReport;
  /** Of a run at rest: whether there are rejects that nobody accepted. */
  readonly openRejects?: boolean;
}

/** Thrown out of the plan when the run is to end otherwise than by its last line. */
export class StopRequested extends Error {
  constructor(
    readonly end: 'cancel' | 'rollback',
    readonly by: string,
  ) {
    super(end);
    this.name = 'StopRequested';
  }
}

/** All that a run remembers across a continue-as-new; plain data. */
export interface CarriedRun {
  readonly completed: readonly string[];
  readonly undos: readonly string[];
  readonly sequence: number;
  readonly stage: MigrationStage;
  readonly estimatedRows: number;
  readonly migrated: number;
  readonly rejected: number;
  readonly verificationId?: string;
  /** What an operator asked for and the plan has not carried out to its end. */
  readonly undertaken?: SteeringCommand;
  /**
   * Set when the plan was lost and is started again from the ledger: it does nothing before it is asked to, then looks at
   * everything once more.
   */
  readonly startedAgain?: true;
}

/**
 * The state of one migration and how it is steered. The plan calls `step`, `rest` and `block`; operators' updates reach
 * it between and, by cancelling the step under way, in the middle.
 */
export class MigrationRun {
  readonly saga: Saga<string>;
  estimatedRows: number;
  migrated: number;
  rejected: number;
  verificationId: string | undefined;
  private currentCommand: SteeringCommand | undefined;
  private readonly completed: Set<string>;
  private stage: MigrationStage;
  private status: MigrationStatus = 'running';
  private blockedBy: BlockReason | undefined;
  private error: FailureReport | undefined;
  private sequence: number;
  private pendingCommand: SteeringCommand | undefined;
  private stepScope: CancellationScope | undefined;
  private openRejects = false;
  private startedAgain: boolean;
  private readonly changedSomething: boolean;
  /** Words that are being put on record as accepted. */
  private recordingPending = 0;

  constructor(
    readonly input: MigrationInput,
    carried: CarriedRun | undefined,
    private readonly received: ReceivedRequests,
  ) {
    this.saga = new Saga([...(carried?.undos ?? [])]);
    this.completed = new Set(carried?.completed);
    this.sequence = carried?.sequence ?? 0;
    this.stage = carried?.stage ?? 'preflight';
    this.estimatedRows = carried?.estimatedRows ?? 0;
    this.migrated = carried?.migrated ?? 0;
    this.rejected = carried?.rejected ?? 0;
    this.verificationId = carried?.verificationId;
    this.currentCommand = carried?.undertaken;
    this.changedSomething = carried !== undefined;
    this.startedAgain = carried?.startedAgain === true;
    if (this.startedAgain) this.status = 'blocked';
    this.listen();
  }

  /** Of a plan in the place of a lost one: waits until somebody asks for something that fits. */
  async begin(): Promise<void> {
    if (!this.startedAgain) return;
    this.startedAgain = false;
    // What came with the start needs no block to be told of.
    if (this.pendingCommand === undefined)
      await this.enter(this.stage, 'blocked', 'blocked', 'engine', { blockedBy: 'other', error: planWasLost });
    await this.nextCommand();
  }

  /** The run as its steps are told of it, in the state in which it is now. */
  get reference(): RunReference {
    return { migrationId: this.input.id, kind: this.input.kind, sequence: this.sequence };
  }

  /** Runs `work` once, through any number of continue-as-news, until `redo` asks for it again. */
  async once(name: string, work: () => Promise<void>): Promise<void> {
    if (this.completed.has(name)) return;
    await work();
    this.completed.add(name);
  }

  /** Whether the run is still at its first stage, before anything was changed. */
  get changedNothing(): boolean {
    return this.stage === 'preflight' && !this.changedSomething;
  }

  /** What was asked for and begun in a history before this one; first of all that is carried out to its end. */
  get commandInProgress(): SteeringCommand | undefined {
    return this.currentCommand;
  }

  /** Carries out what was asked for, in as many histories as it takes. */
  async executeCommand(asked: SteeringCommand, work: () => Promise<void>): Promise<void> {
    this.currentCommand = asked;
    await work();
    this.currentCommand = undefined;
  }

  hasCompleted(name: string): boolean {
    return this.completed.has(name);
  }

  redo(name: string): void {
    this.completed.delete(name);
  }

  /**
   * Runs one step of the plan at a stage. Asked to pause, it cancels the step, waits for `resume` and runs it again;
   * every step goes on from the ledger. Cancel and rollback leave through `StopRequested`. A failure that only a person can
   * mend blocks the run, and `resume` tries again; at `preflight`, where nothing was changed yet, it leaves.
   */
  async step<T>(stage: MigrationStage, work: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.applyPendingCommand();
      if (this.sequence === 0 || this.stage !== stage || this.status !== 'running')
        await this.enter(stage, 'running', 'step', 'engine');
      // What came while the ledger was told found no step to stop.
      if (this.isInterrupted) continue;
      try {
        const result = await this.interruptible(work);
        if (!this.isInterrupted) return result;
        // The step was told to stop and returned early, or just made it: running it again does what is left.
      } catch (error) {
        // Told to stop, a step may end in other ways than cancelled: an activity that was told to stop is not tried again,
        // so that a worker killed just then shows as a time-out. What is left, or fails again, shows after `resume`.
        if (this.isInterrupted && (isCancellation(error) || error instanceof ActivityFailure)) continue;
        const failure = failureOf(error);
        if (failure === undefined || this.changedNothing) throw error;
        await this.block('other', failure);
        await this.renewAfterRest();
      }
    }
  }

  /**
   * At rest with nothing wrong, until an operator asks for something other than a pause. With `openRejects`, rejects that
   * nobody accepted, that is anything but to complete it.
   */
  async rest(stage: MigrationStage, openRejects: boolean): Promise<SteeringCommand> {
    await this.enter(stage, 'waiting', 'rest', 'engine', { openRejects });
    return this.nextCommand();
  }

  /** Stopped by itself: says why, and waits for a person. */
  async block(blockedBy: BlockReason, error: FailureReport): Promise<SteeringCommand> {
    await this.enter(this.stage, 'blocked', 'blocked', 'engine', { blockedBy, error });
    return this.nextCommand();
  }

  /**
   * Changes where the run stands, at once for whoever asks, and tells the ledger, after `beforeTold` has been done.
   */
  async enter(
    stage: MigrationStage,
    status: MigrationStatus,
    what: string,
    by: string,
    why: StateDetails = {},
    beforeTold: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    this.stage = stage;
    this.status = status;
    const { openRejects = false, ...recorded } = why;
    this.blockedBy = why.blockedBy;
    this.error = why.error;
    this.openRejects = openRejects;
    this.sequence++;
    this.show();
    await beforeTold();
    // Behind the end nothing is told any more.
    if (endedStatuses.has(status)) await this.untilRecorded();
    await steps.recordState(this.reference, {
      sequence: this.sequence,
      stage,
      status,
      runId: workflowInfo().runId,
      what,
      by,
      settles: this.pendingCommand === undefined && (status !== 'running' || isAppliedBy(what)),
      ...recorded,
    });
  }

  /** Between two steps: starts a fresh history when this one has grown long. */
  async renewHistory(): Promise<void> {
    if (!historyIsLong()) return;
    if (this.pendingCommand !== undefined) return;
    await condition(allHandlersFinished);
    await this.untilRecorded();
    if (this.pendingCommand !== undefined) return;
    await continueAsNew(this.input, {
      completed: [...this.completed],
      undos: [...this.saga.undos],
      sequence: this.sequence,
      stage: this.stage,
      estimatedRows: this.estimatedRows,
      migrated: this.migrated,
      rejected: this.rejected,
      ...(this.verificationId === undefined ? {} : { verificationId: this.verificationId }),
      ...(this.currentCommand === undefined ? {} : { undertaken: this.currentCommand }),
    } satisfies CarriedRun);
  }

  /**
   * After a pause or a block in the middle of a step, which then begins again anyhow: one that is stopped in every round
   * would otherwise never come to its end, and its history never to a renewal.
   */
  async renewAfterRest(): Promise<void> {
    await this.renewHistory();
  }

  /** Counts what a round of lanes moved, for the Web UI. */
  addProgress(progress: { migrated: number; rejected: number }): void {
    this.migrated += progress.migrated;
    this.rejected += progress.rejected;
    this.show();
  }

  private async interruptible<T>(work: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.stepScope = scope;
    try {
      return await scope.run(work);
    } finally {
      this.stepScope = undefined;
    }
  }

  private get isInterrupted(): boolean {
    return this.pendingCommand !== undefined && interrupts(this.pendingCommand.action);
  }

  /** Carries out a pause, cancel or rollback that came meanwhile. */
  private async applyPendingCommand(): Promise<void> {
    const asked = this.pendingCommand;
    if (asked === undefined || !interrupts(asked.action)) return;
    this.pendingCommand = undefined;
    if (endsRun(asked.action)) throw new StopRequested(asked.action, asked.request.by);
    await this.enter(this.stage, 'paused', 'pause', asked.request.by);
    await this.nextCommand();
    await this.renewAfterRest();
  }

  /** Waits for the next request; cancel and rollback leave through `StopRequested`. */
  private async nextCommand(): Promise<SteeringCommand> {
    await condition(() => this.pendingCommand !== undefined);
    const asked = this.pendingCommand;
    this.pendingCommand = undefined;
    if (asked === undefined) throw ApplicationFailure.nonRetryable('woken without a request', 'unexpected');
    if (endsRun(asked.action)) throw new StopRequested(asked.action, asked.request.by);
    await this.enter(this.stage, 'running', asked.action, asked.request.by);
    return asked;
  }

  private listen(): void {
    for (const action of migrationActions) {
      const take = (request: SteeringRequest) => {
        this.received.receiveUpdate(action, request);
        this.accept({ action, request });
      };
      setHandler(steeringUpdate(action), take, { validator: (_request: SteeringRequest) => this.validate(action) });
    }
    setHandler(statusQuery, () => ({
      ...this.state,
      migrated: this.migrated,
      rejected: this.rejected,
      ...(this.error === undefined ? {} : { error: this.error }),
    }));
  }

  /**
   * A cancellation of the workflow itself, from the Web UI or `temporal workflow cancel`, is a request to cancel; where
   * cancel does not fit any more it changes nothing.
   */
  cancelledFromOutside(): void {
    this.received.receiveCancellation();
    if (!allowedActions(this.state).includes('cancel') || this.pendingCommand?.action === 'rollback') return;
    this.accept({ action: 'cancel', request: { by: 'temporal' } });
  }

  private accept(asked: SteeringCommand): void {
    this.pendingCommand = asked;
    if (interrupts(asked.action)) this.stepScope?.cancel();
    this.recordPending(asked.action);
  }

  /** Beside the plan, which only its end and a new history wait for. */
  private recordPending(action: MigrationAction): void {
    this.recordingPending++;
    const { reference } = this;
    void CancellationScope.nonCancellable(() => steps.recordPending(reference, action))
      .catch(() => undefined)
      .finally(() => {
        this.recordingPending--;
      });
  }

  /** What cannot be told soon, as where the audit may not be written to, goes on being told by plans of its own. */
  private async untilRecorded(): Promise<void> {
    const isTold = () => this.recordingPending === 0 && this.received.settled;
    if (isTold() || (await condition(isTold, '10 seconds'))) return;
    await this.received.handOver();
  }

  private validate(action: MigrationAction): void {
    const pending = this.pendingCommand?.action;
    const fitting = allowedWhilePending(pending, allowedActions(this.state));
    if (fitting.includes(action)) return;
    const about = pending === undefined ? '' : `, about to ${pending}`;
    const rejects = action === 'complete' && this.openRejects ? ', with rejects that nobody accepted' : '';
    throw ApplicationFailure.create({
      type: 'not_at_this_stage',
      message: `${action} is not possible while the migration is ${this.status} at stage ${this.stage}${about}${rejects}.`,
      nonRetryable: true,
      details: [{ actions: fitting }],
    });
  }

  private get state(): MigrationState {
    const { stage, status } = this;
    return {
      stage,
      status,
      mode: this.input.mode,
      ...(this.blockedBy === undefined ? {} : { blockedBy: this.blockedBy }),
      ...(this.openRejects ? { openRejects: true as const } : {}),
    };
  }

  /** What the Temporal Web UI tells without any other page open. */
  private show(): void {
    upsertSearchAttributes([
      { key: kindAttribute, value: this.input.kind },
      { key: stageAttribute, value: this.stage },
      { key: statusAttribute, value: this.status },
    ]);
    const lines = [
      `**${this.status}** at stage **${this.stage}**`,
      `${this.migrated} rows moved, ${this.rejected} rejected, about ${this.estimatedRows} expected`,
      ...(this.error === undefined ? [] : [`${this.error.message} ${this.error.hint}`]),
      `Possible now: ${allowedActions(this.state).join(', ') || 'nothing'}`,
    ];
    setCurrentDetails(lines.join('\n\n'));
  }
}

/** Events after which a history is renewed, well below the server's own suggestion. */
const longHistory = 1500;

function historyIsLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength >= longHistory;
}

const planWasLost: FailureReport = {
  type: 'unexpected',
  message: 'The plan of this migration was not in Temporal any more, and was started again from the ledger.',
  hint: 'Nothing is lost: resume the migration, cancel it or roll it back.',
};

/** Whether what brought a state is a word that is carried out by it; a way out is, once the run has ended. */
function isAppliedBy(what: string): boolean {
  return migrationActions.some((action) => action === what && !endsRun(action));
}

function interrupts(action: MigrationAction): boolean {
  return action === 'pause' || endsRun(action);
}

/** The known failure behind an activity's error; undefined for a cancellation or a defect of the plan itself. */
export function failureOf(error: unknown): FailureReport | undefined {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return undefined;
  const type = isFailureType(error.cause.type) ? error.cause.type : 'unexpected';
  const [detail] = error.cause.details ?? [];
  const hint =
    typeof detail === 'object' && detail !== null && 'hint' in detail ? String(detail.hint) : failureRule(type).hint;
  return { type, message: error.cause.message, hint };
}
