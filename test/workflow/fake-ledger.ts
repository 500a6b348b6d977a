import { Context } from '@temporalio/activity';
import { guarded } from '../../src/activities/guard.js';
import type { ItemSteps } from '../../src/activities/item-steps.js';
import type { LedgerSteps } from '../../src/activities/ledger-steps.js';
import type { MigrationSteps } from '../../src/activities/migration-steps.js';
import { type GivesUp, neverGivesUp, RetryLimits } from '../../src/activities/retry-limits.js';
import { Failure, type FailureType } from '../../src/base/failures.js';
import type { MigrationStage, MigrationStatus } from '../../src/domain/migration/migration.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import { until } from '../support/conditions.js';

type Activities = LedgerSteps & MigrationSteps & ItemSteps;
export type ActivityName = keyof Activities;
type State = Parameters<LedgerSteps['recordState']>[1] & {
  /** The long steps that were at work when the state was told. */
  readonly busy: readonly ActivityName[];
};

interface Call {
  readonly name: ActivityName;
  readonly args: readonly unknown[];
  readonly attempt: number;
}

/**
 * A ledger of the tests of the plan: answers every activity as an engine without trouble would, unless a test told it
 * otherwise, and keeps what it was asked. Failures leave it through the engine's own door.
 */
export class FakeLedger {
  /** Words that the ledger was told were accepted. */
  readonly pending: string[] = [];
  /** Attempts in the order in which they began, those apart that only tell something. */
  readonly calls: Call[] = [];
  /** What `recordState` brought: as the ledger, only what is newer than what it has. */
  readonly states: State[] = [];
  /** Sequences in the order in which they came, kept or not. */
  readonly sequences: number[] = [];
  /** How many of each step are at work at this moment. */
  private readonly atWork = new Map<ActivityName, number>();
  private readonly once = new Map<ActivityName, ((...args: never[]) => unknown)[]>();
  private readonly always = new Map<ActivityName, (...args: never[]) => unknown>();
  private readonly timeoutMillis = new RetryLimits();
  private verifications = 0;

  private readonly answers: Activities = {
    preflight: async () => ({ estimatedRows: 1000 }),
    recordState: async (_run, state) => {
      this.sequences.push(state.sequence);
      if (state.sequence > (this.state?.sequence ?? 0)) {
        this.states.push({ ...state, busy: bulkStepNames.filter((name) => this.working(name) > 0) });
      }
    },
    recordPending: async (_run, action) => {
      this.pending.push(action);
    },
    releaseRanges: async () => undefined,
    copyLane: async () => ({ outcome: { kind: 'source_exhausted' }, migrated: 500, rejected: 0 }),
    countCopied: async () => ({ migrated: 1000, rejected: 0, warned: 0 }),
    countRejects: async () => ({ open: 0, unresolved: 0, topReasons: [] }),
    startVerification: async () => `verification-${++this.verifications}`,
    verifyRows: async () => clean,
    passOverChanges: async () => ({ finished: true, changedRanges: 0 }),
    acceptRejects: async () => 1,
    retryRejects: async () => ({ finished: true }),
    repairRows: async () => ({ finished: true }),
    removeMovedRows: async () => undefined,
    finalize: async () => undefined,
    listItems: async () => ({ items: [], next: null }),
    runItemStep: async () => ({ kind: 'done' }),
    undoItem: async () => undefined,
    rejectItems: async () => undefined,
    undoItems: async () => undefined,
  };

  /** The next calls of `name` get these answers, one each; then what `answer` said holds again. */
  next<Name extends ActivityName>(name: Name, ...answers: Activities[Name][]): void {
    this.once.set(name, [...(this.once.get(name) ?? []), ...answers]);
  }

  /** From now on calls of `name` get this answer. */
  answer<Name extends ActivityName>(name: Name, answer: Activities[Name]): void {
    this.always.set(name, answer);
  }

  /** From now on calls of `name` are answered as if nothing were wrong. */
  mend(name: ActivityName): void {
    this.always.delete(name);
  }

  /** Carries one attempt of an activity out. */
  async perform(name: ActivityName, args: readonly unknown[]): Promise<unknown> {
    if (name !== 'recordState' && name !== 'recordPending')
      this.calls.push({ name, args, attempt: Context.current().info.attempt });
    this.atWork.set(name, this.working(name) + 1);
    try {
      const work = this.once.get(name)?.shift() ?? this.always.get(name) ?? this.answers[name];
      return await guarded(async () => work(...(args as never[])), { givesUp: this.givesUp(name, args) });
    } finally {
      this.atWork.set(name, this.working(name) - 1);
    }
  }

  /** As the engine's own steps do. */
  private givesUp(name: ActivityName, args: readonly unknown[]): GivesUp {
    if (name === 'recordState' || name === 'recordPending' || name === 'releaseRanges') return neverGivesUp;
    if (name === 'preflight') return this.timeoutMillis.first;
    if (name === 'removeMovedRows') return this.timeoutMillis.undo;
    return this.timeoutMillis.step((args[0] as RunReference).migrationId);
  }

  get state(): State | undefined {
    return this.states.at(-1);
  }

  working(name: ActivityName): number {
    return this.atWork.get(name) ?? 0;
  }

  /** Names of what was called, in order; a lane's or an attempt's repetition stands once. */
  get order(): ActivityName[] {
    return this.calls.map(({ name }) => name).filter((name, place, names) => name !== names[place - 1]);
  }

  count(name: ActivityName): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  /** Waits until the run stands there by a change later than `after`. */
  async untilState(status: MigrationStatus, stage: MigrationStage, after = 0, patienceMillis = 30_000): Promise<State> {
    const found = () =>
      this.state?.status === status && this.state.stage === stage && this.state.sequence > after && this.state;
    return until(`the run to be ${status} at ${stage}`, found, patienceMillis).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${this.state?.status} at ${this.state?.stage}`);
    });
  }

  /** Waits until `name` was called so often since the run began. */
  async untilCalled(name: ActivityName, times = 1): Promise<void> {
    await until(`${times} calls of ${name}`, () => this.count(name) >= times);
  }

  async untilWorking(name: ActivityName, times = 1): Promise<void> {
    await until(`${times} of ${name} to be at work`, () => this.working(name) === times);
  }
}

/** What each task queue carries out; the plan must send each step to its own. */
export const controlStepNames: readonly ActivityName[] = [
  'preflight',
  'recordState',
  'recordPending',
  'releaseRanges',
  'countCopied',
  'countRejects',
  'startVerification',
  'acceptRejects',
  'finalize',
];
export const bulkStepNames: readonly ActivityName[] = [
  'copyLane',
  'verifyRows',
  'passOverChanges',
  'repairRows',
  'retryRejects',
  'removeMovedRows',
  'listItems',
  'runItemStep',
  'undoItem',
  'rejectItems',
  'undoItems',
];

type VerifyAnswer = Awaited<ReturnType<MigrationSteps['verifyRows']>>;

export const clean: Extract<VerifyAnswer, { kind: 'concluded' }> = {
  kind: 'concluded',
  verdict: { clean: true, compared: 1000, mismatched: 0, rejected: 0, examples: [] },
};

export const mismatch = {
  kind: 'concluded',
  verdict: {
    clean: false,
    compared: 1000,
    mismatched: 4,
    rejected: 0,
    examples: [
      { id: '12', field: 'interpretation' },
      { id: '40', field: 'created_at' },
    ],
  },
} as const satisfies VerifyAnswer;

/** An answer that never comes. */
export function failing(type: FailureType): () => Promise<never> {
  return async () => {
    throw new Failure(type, `A sentence about ${type}.`);
  };
}

/** A step that works, heartbeating, until it is told to stop; then it returns as the engine's long steps do. */
export async function workUntilStopped<T>(result: T): Promise<T> {
  const { cancellationSignal } = Context.current();
  await until('the step to be told to stop', () => {
    Context.current().heartbeat();
    return cancellationSignal.aborted;
  });
  return result;
}

/** What a lane returns that was told to stop. */
export const stoppedLane = { outcome: { kind: 'stopped' }, migrated: 10, rejected: 0 } as const;
