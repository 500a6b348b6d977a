import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createLedgerSteps } from '../../src/activities/ledger-steps.js';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { defaultOptionsOf, type MigrationKind } from '../../src/domain/catalog.js';
import type { MigrationId, MigrationStage, MigrationStatus } from '../../src/domain/migration/migration.js';
import type { MigrationOptions } from '../../src/domain/migration/options.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import { registry } from '../../src/kinds/registry.js';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';
import type { VerificationVerdict } from '../../src/postgres/ledger/verifications.js';

/** A run of a kind: its steps as a worker calls them, in the order of the plan and without Temporal. */
export abstract class StepsRun {
  protected state = { sequence: 0 };
  protected readonly options: MigrationOptions;

  protected constructor(
    readonly id: string,
    protected readonly kind: MigrationKind,
    protected readonly deps: ActivityDependencies,
    options: Partial<MigrationOptions> = {},
  ) {
    this.options = { ...defaultOptionsOf(kind), ...options };
  }

  protected async recordStart(): Promise<this> {
    const start = { id: this.id as MigrationId, kind: this.kind, mode: 'copy', options: this.options } as const;
    await recordStart(this.deps.databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
    return this;
  }

  async copy(): Promise<{ readonly migrated: number; readonly rejected: number }> {
    const run = await this.enter('copying');
    const lane = { ...run, lane: 0, options: this.options, estimatedRows: 100 };
    const moved = { migrated: 0, rejected: 0 };
    for (;;) {
      const { outcome, migrated, rejected } = await this.perform(this.steps.copyLane, lane);
      moved.migrated += migrated;
      moved.rejected += rejected;
      if (outcome.kind === 'source_exhausted') return moved;
      if (outcome.kind !== 'round_over') throw new Error(`the copy ended with ${outcome.kind}`);
    }
  }

  /** Verifies as the plan does. */
  protected async compare(): Promise<{ readonly id: string; readonly verdict: VerificationVerdict }> {
    const run = await this.enter('verifying');
    const id = await this.perform(this.ledger.startVerification, run);
    for (;;) {
      const round = await this.perform(this.steps.verifyRows, run, id);
      if (round.kind === 'concluded') return { id, verdict: round.verdict };
    }
  }

  /** As the plan does before each verification. */
  protected async passOverChanges(): Promise<void> {
    const { finished } = await this.perform(this.steps.passOverChanges, await this.enter('verifying'), this.options);
    if (!finished) throw new Error('the pass was stopped');
  }

  protected async repairRows(): Promise<void> {
    await this.perform(this.steps.repairRows, await this.enter('verifying', 'running', 'repair'), this.options);
  }

  protected async retryRejects(): Promise<void> {
    const run = await this.enter('verifying', 'running', 'rejects/retry');
    await this.perform(this.steps.retryRejects, run, this.options, 'all');
  }

  async complete(): Promise<void> {
    await this.perform(this.steps.finalize, await this.enter('done'));
  }

  async enter(
    stage: MigrationStage,
    status: MigrationStatus = 'running',
    /** The command that is carried out: each of them is another operation. */
    what = 'step',
  ): Promise<RunReference> {
    const sequence = ++this.state.sequence;
    const state = { stage, status, runId: 'r', by: 'test', what, settles: false, sequence };
    await recordRunState(this.deps.databases.cube, this.id, state);
    return this.reference;
  }

  protected get reference(): RunReference {
    return { migrationId: this.id, kind: this.kind, sequence: this.state.sequence };
  }

  protected get steps() {
    return createMigrationSteps(this.deps, registry);
  }

  private get ledger() {
    return createLedgerSteps(this.deps);
  }

  protected perform<Args extends unknown[], R>(activity: (...args: Args) => Promise<R>, ...args: Args): Promise<R> {
    return new MockActivityEnvironment().run(activity, ...args);
  }
}
