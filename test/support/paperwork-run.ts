import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createLedgerSteps } from '../../src/activities/ledger-steps.js';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { defaultOptionsOf } from '../../src/domain/catalog.js';
import type { MigrationId, MigrationStage, MigrationStatus } from '../../src/domain/migration/migration.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import { registry } from '../../src/kinds/registry.js';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';

const kind = 'paperwork-files';

/** A run of paperwork files: its steps as a worker calls them, in the order of the plan and without Temporal. */
export class PaperworkRun {
  private state = { sequence: 0 };
  private readonly options = { ...defaultOptionsOf(kind), reject_limit_percent: 100 };

  private constructor(
    readonly id: string,
    private readonly deps: ActivityDependencies,
  ) {}

  static async start(id: string, deps: ActivityDependencies): Promise<PaperworkRun> {
    const run = new PaperworkRun(id, deps);
    const start = { id: id as MigrationId, kind, mode: 'copy', options: run.options } as const;
    await recordStart(deps.databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
    return run;
  }

  /** The same run at another worker. */
  with(deps: Partial<ActivityDependencies>): PaperworkRun {
    const run = new PaperworkRun(this.id, { ...this.deps, ...deps });
    run.state = this.state;
    return run;
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

  /** Verifies as the plan does; what it found, as `table id field`. */
  async verify(): Promise<readonly string[]> {
    const run = await this.enter('verifying');
    const id = await this.perform(this.ledger.startVerification, run);
    for (;;) {
      const round = await this.perform(this.steps.verifyRows, run, id);
      if (round.kind !== 'concluded') continue;
      const { cube } = this.deps.databases;
      const found = await cube.query<{ line: string }>(
        `select table_name || ' ' || source_id || ' ' || field as line from ledger.mismatches
          where verification_id = $1 order by table_name, source_id, field`,
        [id],
      );
      const lines = found.rows.map(({ line }) => line);
      if (round.verdict.disagreement !== undefined) lines.push(round.verdict.disagreement);
      if (round.verdict.clean !== (lines.length === 0)) throw new Error('the verdict does not fit its mismatches');
      return lines;
    }
  }

  /** As the plan does before each verification. */
  async pass(): Promise<void> {
    const { finished } = await this.perform(this.steps.passOverChanges, await this.enter('verifying'), this.options);
    if (!finished) throw new Error('the pass was stopped');
  }

  async repair(): Promise<void> {
    await this.perform(this.steps.repairRows, await this.enter('verifying'), this.options);
  }

  async retry(): Promise<void> {
    await this.perform(this.steps.retryRejects, await this.enter('verifying'), this.options, 'all');
  }

  async rollBack(): Promise<void> {
    await this.perform(this.steps.removeMovedRows, await this.enter('rolling_back'));
    await this.enter('done', 'rolled_back');
  }

  async cancel(): Promise<void> {
    await this.enter('done', 'cancelled');
  }

  async complete(): Promise<void> {
    await this.perform(this.steps.finalize, await this.enter('done'));
  }

  /** Open rejects as `table id reason`. */
  async rejects(): Promise<readonly string[]> {
    const found = await this.deps.databases.cube.query<{ line: string }>(
      `select table_name || ' ' || source_id || ' ' || reason as line from ledger.rejects
        where migration_id = $1 and resolution = 'open' order by table_name, source_id`,
      [this.id],
    );
    return found.rows.map(({ line }) => line);
  }

  private async enter(stage: MigrationStage, status: MigrationStatus = 'running'): Promise<RunReference> {
    const sequence = ++this.state.sequence;
    const state = { stage, status, runId: 'r', by: 'test', what: 'step', settles: false, sequence };
    await recordRunState(this.deps.databases.cube, this.id, state);
    return { migrationId: this.id, kind, sequence };
  }

  private get steps() {
    return createMigrationSteps(this.deps, registry);
  }

  private get ledger() {
    return createLedgerSteps(this.deps);
  }

  private perform<Args extends unknown[], R>(activity: (...args: Args) => Promise<R>, ...args: Args): Promise<R> {
    return new MockActivityEnvironment().run(activity, ...args);
  }
}
