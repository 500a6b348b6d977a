import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createItemSteps, type ItemPage } from '../../src/activities/item-steps.js';
import { type ItemOutcome, type ItemRef, itemSteps } from '../../src/domain/migration/items.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import { registry } from '../../src/kinds/registry.js';
import { StepsRun } from './steps-run.js';

const kind = 'ai-models';

/** A run of AI models. */
export class ModelsRun extends StepsRun {
  static start(id: string, deps: ActivityDependencies): Promise<ModelsRun> {
    return new ModelsRun(id, kind, deps).recordStart();
  }

  /** The same run at another worker. */
  with(deps: ActivityDependencies): ModelsRun {
    const run = new ModelsRun(this.id, kind, deps);
    run.state = this.state;
    return run;
  }

  async preflight(): Promise<void> {
    await this.perform(this.steps.preflight, await this.enter('preflight'));
  }

  /** Takes each model in the cube through its steps; those that are unfit become rejects. Returns what became of each, by id. */
  async moveItems(steps: readonly string[] = itemSteps(kind)): Promise<ReadonlyMap<string, string>> {
    const run = await this.enter('copying');
    const outcomes = new Map<string, string>();
    for (let after: string | null = null; ; ) {
      const { items, next }: ItemPage = await this.perform(this.items.listItems, run, after, 1000);
      for (const item of items) outcomes.set(item.id, await this.moveItem(run, item, steps));
      if (next === null) return outcomes;
      after = next;
    }
  }

  private async moveItem(run: RunReference, item: ItemRef, steps: readonly string[]): Promise<string> {
    for (const step of steps) {
      const outcome: ItemOutcome = await this.perform(this.items.runItemStep, run, item, step);
      if (outcome.kind === 'done') continue;
      await this.perform(this.items.undoItem, run, item);
      await this.perform(this.items.rejectItems, run, [{ item, ...outcome }]);
      return outcome.reason;
    }
    return 'active';
  }

  makeStep(id: number, step: string): Promise<ItemOutcome> {
    return this.perform(this.items.runItemStep, this.reference, { table: 'ai_models', id: String(id) }, step);
  }

  undoItem(id: number): Promise<void> {
    return this.perform(this.items.undoItem, this.reference, { table: 'ai_models', id: String(id) });
  }

  /** Moves again what legacy has changed, and takes these models through their steps. */
  async pass(steps?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.passOverChanges();
    return this.moveItems(steps);
  }

  /** Verifies as the plan does; true for clean. */
  async verify(): Promise<boolean> {
    return (await this.compare()).verdict.clean;
  }

  /** What the last verification found, as `id field`. */
  async mismatches(): Promise<readonly string[]> {
    const found = await this.deps.databases.cube.query<{ line: string }>(
      `select source_id || ' ' || field as line from ledger.mismatches
        where verification_id = (select max(id) from ledger.verifications) order by source_id, field`,
    );
    return found.rows.map(({ line }) => line);
  }

  /** Repairs what the last verification found, and takes the models through their steps again. */
  async repair(steps?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.repairRows();
    return this.moveItems(steps);
  }

  /** Tries all rejects again, and takes the models that went through to the cube through their steps. */
  async retry(steps?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.retryRejects();
    return this.moveItems(steps);
  }

  /** Returns what could not be undone. */
  async rollBack(): Promise<readonly string[]> {
    const run = await this.enter('rolling_back');
    const left: string[] = [];
    const collect = (error: Error) => void left.push(error.message);
    await this.perform(this.items.undoItems, run, 'all').catch(collect);
    await this.perform(this.steps.removeMovedRows, run).catch(collect);
    await this.enter('done', left.length > 0 ? 'failed' : 'rolled_back');
    return left;
  }

  private get items() {
    return createItemSteps(this.deps, registry);
  }
}
