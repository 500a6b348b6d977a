import { ApplicationFailure, CancellationScope, condition } from '@temporalio/workflow';
import { planIsEndingType } from '../../domain/plan-requests.js';

/** What an update requests of a plan. */
export interface Command<Action extends string, Request> {
  readonly action: Action;
  readonly request: Request;
}

/** `overtaken`: another command took its place, or it no longer fitted when the plan came to it. */
export type CommandOutcome = 'applied' | 'overtaken';

interface Submitted<Action extends string, Request> extends Command<Action, Request> {
  outcome?: CommandOutcome;
}

/**
 * The one command that a plan has accepted and not yet begun. While one is pending, the plan accepts only commands that may
 * take its place, and refuses the others. The update that brought a command is answered when the plan has applied it.
 */
export class PendingCommand<Action extends string, Request> {
  private pending: Submitted<Action, Request> | undefined;
  private begun: Submitted<Action, Request> | undefined;
  private work: CancellationScope | undefined;

  /** `allowed` gives the actions that the plan accepts in its present state while `pending` waits. */
  constructor(private readonly allowed: (pending: Action | undefined) => readonly Action[]) {}

  /** The action that is pending; undefined when none is. */
  get action(): Action | undefined {
    return this.pending?.action;
  }

  accepts(action: Action): boolean {
    return this.allowed(this.action).includes(action);
  }

  /** Throws `not_at_this_stage`, with the sentence `why` and the actions that the plan accepts, where it does not accept `action`. */
  check(action: Action, why: () => string): void {
    if (!this.accepts(action)) throw notAtThisStage(why(), this.allowed(this.action));
  }

  /** Accepts a command that `check` let pass, and cancels the work that it interrupts. Resolves when the plan has applied it. */
  async submit(command: Command<Action, Request>): Promise<CommandOutcome> {
    if (this.pending !== undefined) this.pending.outcome = 'overtaken';
    const submitted: Submitted<Action, Request> = { ...command };
    this.pending = submitted;
    this.work?.cancel();
    // The handler of an update must survive a cancellation of the workflow, which is a command of its own.
    await CancellationScope.nonCancellable(() => condition(() => submitted.outcome !== undefined));
    return submitted.outcome ?? 'overtaken';
  }

  /** The pending command, which the plan begins now, or undefined; `settle` says when the plan has applied it. */
  take(): Command<Action, Request> | undefined {
    const { pending } = this;
    this.pending = undefined;
    this.begun = pending;
    return pending;
  }

  /** As `take`, and waits until a command is pending. */
  async next(): Promise<Command<Action, Request>> {
    for (;;) {
      await condition(() => this.pending !== undefined);
      const command = this.take();
      if (command !== undefined) return command;
    }
  }

  /** Answers the update of the command that the plan began last. */
  settle(outcome: CommandOutcome): void {
    if (this.begun !== undefined) this.begun.outcome = outcome;
    this.begun = undefined;
  }

  /** Answers every update that still waits, at the end of the plan. */
  close(): void {
    this.settle('overtaken');
    this.take();
    this.settle('overtaken');
  }

  /** Runs `work` in a scope that the next command cancels. */
  async interruptible<T>(work: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.work = scope;
    try {
      return await scope.run(work);
    } finally {
      this.work = undefined;
    }
  }
}

/** A plan's refusal of an update, with the actions that it accepts instead. */
export function notAtThisStage(message: string, actions: readonly string[]): ApplicationFailure {
  const details = [{ actions: [...actions] }];
  return ApplicationFailure.create({ type: 'not_at_this_stage', message, nonRetryable: true, details });
}

/** A plan's refusal of an update that comes when the plan has done its work: the control API sends the update again. */
export function planIsEnding(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: planIsEndingType, message, nonRetryable: true });
}
