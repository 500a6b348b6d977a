import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { StepsRun } from './steps-run.js';

/** A run of paperwork files. */
export class PaperworkRun extends StepsRun {
  private static of(id: string, deps: ActivityDependencies): PaperworkRun {
    return new PaperworkRun(id, 'paperwork-files', deps, { reject_limit_percent: 100 });
  }

  static start(id: string, deps: ActivityDependencies): Promise<PaperworkRun> {
    return PaperworkRun.of(id, deps).recordStart();
  }

  /** The same run at another worker. */
  with(deps: Partial<ActivityDependencies>): PaperworkRun {
    const run = PaperworkRun.of(this.id, { ...this.deps, ...deps });
    run.state = this.state;
    return run;
  }

  /** Verifies as the plan does; what it found, as `table id field`. */
  async verify(): Promise<readonly string[]> {
    const { id, verdict } = await this.compare();
    const found = await this.deps.databases.cube.query<{ line: string }>(
      `select table_name || ' ' || source_id || ' ' || field as line from ledger.mismatches
        where verification_id = $1 order by table_name, source_id, field`,
      [id],
    );
    const lines = found.rows.map(({ line }) => line);
    if (verdict.disagreement !== undefined) lines.push(verdict.disagreement);
    if (verdict.clean !== (lines.length === 0)) throw new Error('the verdict does not fit its mismatches');
    return lines;
  }

  pass(): Promise<void> {
    return this.passOverChanges();
  }

  repair(): Promise<void> {
    return this.repairRows();
  }

  retry(): Promise<void> {
    return this.retryRejects();
  }

  async rollBack(): Promise<void> {
    await this.perform(this.steps.removeMovedRows, await this.enter('rolling_back'));
    await this.enter('done', 'rolled_back');
  }

  async cancel(): Promise<void> {
    await this.enter('done', 'cancelled');
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
}
