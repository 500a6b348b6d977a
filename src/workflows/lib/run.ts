import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { FailureReport } from '../../base/failures.js';
import {
  allowedActions,
  allowedWhilePending,
  type BlockReason,
  endedStatuses,
  endsRun,
  isKept,
  type MigrationAction,
  type MigrationInput,
  type MigrationStage,
  type MigrationStatus,
  migrationActions,
  type SteeringRequest,
} from '../../domain/migration/migration.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { failureOf } from './activity-failure.js';
import { BackgroundWork } from './background-work.js';
import type { CarriedRun, SteeringCommand } from './carried-run.js';
import { renewHistory } from './history.js';
import { statusQuery, steeringUpdate } from './messages.js';
import { notAtThisStage, PendingCommand } from './pending-command.js';
import type { ReceivedRequests } from './received-requests.js';
import { profiles } from './retry-profiles.js';
import { RunState, type StateDetails } from './run-state.js';
import { Saga } from './saga.js';
import { StopRequested } from './stop-requested.js';

const { recordPending } = proxyActivities<Pick<LedgerSteps, 'recordPending'>>(profiles.ledgerWrite);

/**
 * One migration as its plan sees it. The plan calls `step`, `rest` and `block`; a command reaches the plan between them and, by
 * cancelling the step under way, in the middle.
 */
export class MigrationRun {
  readonly saga: Saga<string>;
  verificationId: string | undefined;
  private currentCommand: SteeringCommand | undefined;
  private startedAgain: boolean;
  private readonly changedSomething: boolean;
  private readonly completed: Set<string>;
  private readonly state: RunState;
  private readonly background = new BackgroundWork();
  private readonly commands = new PendingCommand<MigrationAction, SteeringRequest>((pending) =>
    allowedWhilePending(pending, allowedActions(this.state.current)),
  );

  constructor(
    readonly input: MigrationInput,
    carried: CarriedRun | undefined,
    private readonly received: ReceivedRequests,
  ) {
    this.saga = new Saga([...(carried?.undos ?? [])]);
    this.verificationId = carried?.verificationId;
    this.currentCommand = carried?.commandInProgress;
    this.startedAgain = carried?.startedAgain === true;
    this.changedSomething = carried !== undefined;
    this.completed = new Set(carried?.completed);
    this.state = new RunState(input, carried);
    this.listen();
  }

  /** Of a plan that replaces a lost one: waits for a command, and begins the one again that the lost plan had not carried out. */
  async begin(): Promise<void> {
    if (!this.startedAgain) return;
    this.startedAgain = false;
    // A command that came with the start needs no block on record.
    if (this.commands.action === undefined)
      await this.enter(this.state.stage, 'blocked', 'blocked', 'engine', { blockedBy: 'other', error: planWasLost });
    await this.nextCommand();
    const { currentCommand: command } = this;
    // The record of what a retry or repair did goes by the event of its command.
    if (command !== undefined)
      await this.enter(this.state.stage, 'running', command.action, command.request.by, { command });
  }

  /** The run in its present state, as its steps need it. */
  get reference(): RunReference {
    return this.state.reference;
  }

  /** Whether the run is still at its first stage, before it changed anything. */
  get changedNothing(): boolean {
    return this.state.stage === 'preflight' && !this.changedSomething;
  }

  get estimatedRows(): number {
    return this.state.estimatedRows;
  }

  set estimatedRows(rows: number) {
    this.state.estimatedRows = rows;
  }

  /** What the plan counts and finds is shown to who looks at Temporal. */
  get display(): Pick<RunState, 'addProgress' | 'showCounts' | 'showRejects' | 'showComparison'> {
    return this.state;
  }

  /** Runs `work` once, through any number of continue-as-news, until `redo` makes it run again. */
  async once(name: string, work: () => Promise<void>): Promise<void> {
    if (this.completed.has(name)) return;
    await work();
    this.completed.add(name);
  }

  hasCompleted(name: string): boolean {
    return this.completed.has(name);
  }

  redo(name: string): void {
    this.completed.delete(name);
  }

  /** A command that began in an earlier history; the plan completes it before anything else. */
  get commandInProgress(): SteeringCommand | undefined {
    return this.currentCommand;
  }

  /** Does the work of a command and carries the command along, in as many histories as the work takes. */
  async carryCommand(command: SteeringCommand, work: () => Promise<void>): Promise<void> {
    this.currentCommand = command;
    await work();
    this.currentCommand = undefined;
  }

  /**
   * Runs one step of the plan at a stage. A pause cancels the step; `resume` runs it again, and every step continues from the
   * ledger. Cancel and rollback leave through `StopRequested`. A failure that only a person can resolve blocks the run, and
   * `resume` tries again; at `preflight`, where nothing was changed yet, it leaves.
   */
  async step<T>(stage: MigrationStage, work: () => Promise<T>): Promise<T> {
    for (;;) {
      if (this.isInterrupted) await this.applyPendingCommand();
      const { state } = this;
      if (state.sequence === 0 || state.stage !== stage || state.status !== 'running')
        await this.enter(stage, 'running', 'step', 'engine');
      // A command that came while the state was recorded found no step to cancel.
      if (this.isInterrupted) continue;
      try {
        const result = await this.commands.interruptible(work);
        if (!this.isInterrupted) return result;
        // The step returned early, or just completed: running it again does what is left.
      } catch (error) {
        // A step that was cancelled may end with another error: Temporal does not retry it, so that a worker that is killed
        // just then shows as a time-out. What is left, or fails again, shows after `resume`.
        if (this.isInterrupted && (isCancellation(error) || error instanceof ActivityFailure)) continue;
        const failure = failureOf(error);
        if (failure === undefined || this.changedNothing) throw error;
        await this.block('other', failure);
        await this.renewHistory();
      }
    }
  }

  /** Gives what follows a state of its own, at the same stage. */
  async beginNextState(): Promise<void> {
    await this.enter(this.state.stage, 'running', 'step', 'engine');
  }

  /**
   * At rest with nothing wrong, until a command other than a pause comes. With `openRejects`, rejects that no person has
   * accepted, `complete` does not fit.
   */
  async rest(stage: MigrationStage, openRejects: boolean): Promise<SteeringCommand> {
    await this.enter(stage, 'waiting', 'rest', 'engine', { openRejects });
    return this.nextCommand();
  }

  /** The run stopped by itself: it says why, and waits for a person. */
  async block(blockedBy: BlockReason, error: FailureReport): Promise<SteeringCommand> {
    await this.enter(this.state.stage, 'blocked', 'blocked', 'engine', { blockedBy, error });
    return this.nextCommand();
  }

  /**
   * Changes the state: at once for queries and validators, then, after `beforeRecord`, in the ledger. The update of the command
   * that brought the state is answered once the ledger holds it.
   */
  async enter(
    stage: MigrationStage,
    status: MigrationStatus,
    what: string,
    by: string,
    details: StateDetails = {},
    beforeRecord: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    this.state.change(stage, status, details);
    await beforeRecord();
    // Nothing of a run is recorded after its end.
    if (endedStatuses.has(status)) await this.untilRecorded();
    await this.state.record(what, by, this.commands.action !== undefined);
    this.commands.settle('applied');
    if (!endedStatuses.has(status)) return;
    this.commands.close();
    await condition(allHandlersFinished);
  }

  /**
   * Begins a new history where this one has grown long: between two steps, and after a pause or a block in the middle of a
   * step, which begins again anyway. A step that is interrupted in every round would otherwise never reach a renewal.
   */
  renewHistory(): Promise<void> {
    const { state, verificationId, currentCommand } = this;
    return renewHistory({
      isBusy: () => this.commands.action !== undefined,
      settle: () => this.untilRecorded(),
      continueRun: () =>
        continueAsNew(this.input, {
          completed: [...this.completed],
          undos: [...this.saga.undos],
          sequence: state.sequence,
          stage: state.stage,
          ...state.counted,
          ...(verificationId === undefined ? {} : { verificationId }),
          ...(currentCommand === undefined ? {} : { commandInProgress: currentCommand }),
        } satisfies CarriedRun),
    });
  }

  /**
   * A cancellation of the workflow itself, from the Web UI or `temporal workflow cancel`, is a `cancel`; where that does not
   * fit any more it changes nothing.
   */
  cancelledFromOutside(): void {
    this.received.receiveCancellation();
    if (this.commands.accepts('cancel'))
      void this.accept({ action: 'cancel', request: { by: 'temporal' } }).catch(() => undefined);
  }

  private get isInterrupted(): boolean {
    const { action } = this.commands;
    return action !== undefined && (action === 'pause' || endsRun(action));
  }

  /** Applies a pause, cancel or rollback that is pending. */
  private async applyPendingCommand(): Promise<void> {
    const { action, request } = await this.commands.next();
    if (endsRun(action)) throw new StopRequested(action, request.by);
    await this.enter(this.state.stage, 'paused', 'pause', request.by);
    await this.nextCommand();
    await this.renewHistory();
  }

  /** Waits for the next command; cancel and rollback leave through `StopRequested`. */
  private async nextCommand(): Promise<SteeringCommand> {
    const command = await this.commands.next();
    const { action, request } = command;
    if (endsRun(action)) throw new StopRequested(action, request.by);
    await this.enter(this.state.stage, 'running', action, request.by, isKept(action) ? { command } : {});
    return command;
  }

  private listen(): void {
    for (const action of migrationActions) {
      const handle = async (received: SteeringRequest) => {
        this.received.receiveUpdate(action, received);
        const { proof: _, ...request } = received;
        await this.accept({ action, request });
      };
      const validator = (_request: SteeringRequest) => this.commands.check(action, () => this.refusalOf(action));
      setHandler(steeringUpdate(action), handle, { validator });
    }
    setHandler(statusQuery, () => this.state.view);
  }

  /** Records a command as pending while the plan runs; returns once the plan has applied the command. */
  private async accept(command: SteeringCommand): Promise<void> {
    const applied = this.commands.submit(command);
    const { reference } = this;
    this.background.start(() =>
      CancellationScope.nonCancellable(() => recordPending(reference, command.action, command.request)).catch(
        () => undefined,
      ),
    );
    // A command that another one replaced, or that the run's end outran, is refused: its caller must not take it for done.
    if ((await applied) === 'overtaken')
      throw notAtThisStage(this.refusalOf(command.action), allowedActions(this.state.current));
  }

  /** Requests that cannot be recorded soon, as where the audit cannot be written, are recorded by plans of their own. */
  private async untilRecorded(): Promise<void> {
    const isRecorded = () => this.background.isDone && this.received.settled;
    if (isRecorded() || (await condition(isRecorded, '10 seconds'))) return;
    await this.received.handOver();
  }

  private refusalOf(action: MigrationAction): string {
    const { status, stage, openRejects } = this.state.current;
    const pending = this.commands.action;
    const about = pending === undefined ? '' : `, about to ${pending}`;
    const rejects = action === 'complete' && openRejects ? ', with rejects that are still open' : '';
    return `${action} is not possible while the migration is ${status} at stage ${stage}${about}${rejects}.`;
  }
}

const planWasLost: FailureReport = {
  type: 'unexpected',
  message: 'The plan of this migration was not in Temporal any more, and was started again from the ledger.',
  hint: 'Nothing is lost: resume the migration, cancel it or roll it back.',
};
