import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createItemSteps, type ItemPage } from '../../src/activities/item-steps.js';
import { createLedgerSteps } from '../../src/activities/ledger-steps.js';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { defaultOptionsOf } from '../../src/domain/catalog.js';
import { type ItemOutcome, type ItemRef, itemSteps } from '../../src/domain/migration/items.js';
import type { MigrationId, MigrationStage, MigrationStatus } from '../../src/domain/migration/migration.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import type { Kind, KindItems, VerifyRound } from '../../src/kinds/kind.js';
import { registry } from '../../src/kinds/registry.js';
import type { Databases } from '../../src/postgres/databases.js';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';
import { newKind } from './new-kind.js';

function talisman(id: number): ItemRef {
  return { table: 'talismans', id: String(id) };
}

const parts = join(import.meta.dirname, '..', 'new-kind');

/** A file of the tests' kind. */
export function newKindPart(name: string): string {
  return readFileSync(join(parts, name), 'utf8');
}

/** A run of the tests' kind: its steps on real databases, called as a worker calls them, in the order of the plan and without Temporal. */
export class TalismanRun {
  private sequence = 0;
  private readonly options = { ...defaultOptionsOf(newKind), batch_rows: 10 };

  private constructor(
    readonly id: string,
    private readonly databases: Databases,
    private readonly kind: Kind,
  ) {}

  static async start(id: string, databases: Databases, kind: Kind): Promise<TalismanRun> {
    const run = new TalismanRun(id, databases, kind);
    const start = { id: id as MigrationId, kind: newKind, mode: 'copy', options: run.options } as const;
    await recordStart(databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
    return run;
  }

  /** With an item's steps replaced. */
  with(items: Partial<KindItems>): TalismanRun {
    const all = { ...(this.kind.items as KindItems), ...items };
    const run = new TalismanRun(this.id, this.databases, { ...this.kind, items: all });
    run.sequence = this.sequence;
    return run;
  }

  /** Copies the rows, then takes each item through its steps. */
  async move(): Promise<void> {
    await this.copy();
    await this.moveItems();
  }

  async copy(): Promise<void> {
    const run = await this.enter('copying');
    const lane = { ...run, lane: 0, options: this.options, estimatedRows: 100 };
    for (;;) {
      const { outcome } = await this.perform(this.steps.copyLane, lane);
      if (outcome.kind === 'source_exhausted') return;
    }
  }

  async moveItems(): Promise<void> {
    const run = await this.enter('copying');
    for (let after: string | null = null; ; ) {
      const { items, next }: ItemPage = await this.perform(this.items.listItems, run, after, 1000);
      for (const item of items)
        for (const step of itemSteps(newKind)) await this.perform(this.items.runItemStep, run, item, step);
      if (next === null) return;
      after = next;
    }
  }

  /** Makes one step of an item in the run's present state. */
  makeStep(id: number, step: string): Promise<ItemOutcome> {
    return this.perform(this.items.runItemStep, this.reference, talisman(id), step);
  }

  undoItem(id: number): Promise<void> {
    return this.perform(this.items.undoItem, this.reference, talisman(id));
  }

  /** Takes the row of an unfit item out, in the run's present state. */
  rejectItem(id: number): Promise<void> {
    const unfit = { item: talisman(id), kind: 'unfit' as const, reason: 'drawing_unreadable', detail: 'torn' };
    return this.perform(this.items.rejectItems, this.reference, [unfit]);
  }

  async verify(): Promise<Extract<VerifyRound, { kind: 'concluded' }>['verdict']> {
    const run = await this.enter('verifying');
    const id = await this.perform(this.ledger.startVerification, run);
    for (;;) {
      const round = await this.perform(this.steps.verifyRows, run, id);
      if (round.kind === 'concluded') return round.verdict;
    }
  }

  async repair(): Promise<void> {
    await this.perform(this.steps.repairRows, await this.enter('verifying'), this.options);
  }

  async complete(): Promise<void> {
    await this.perform(this.steps.finalize, await this.enter('done'));
  }

  async cancel(): Promise<void> {
    await this.perform(this.items.undoItems, await this.enter('done'), 'unfinished');
    await this.enter('done', 'cancelled');
  }

  /** Returns what could not be undone; one undo that fails does not stop the other. */
  async rollBack(): Promise<readonly string[]> {
    const run = await this.enter('rolling_back');
    const left: string[] = [];
    const collect = (error: Error) => void left.push(error.message);
    await this.perform(this.items.undoItems, run, 'all').catch(collect);
    await this.perform(this.steps.removeMovedRows, run).catch(collect);
    if (left.length > 0) await this.enter('rolling_back', 'failed');
    else await this.enter('done', 'rolled_back');
    return left;
  }

  /** The run in its next state. */
  async enter(stage: MigrationStage, status: MigrationStatus = 'running'): Promise<RunReference> {
    const sequence = ++this.sequence;
    const state = { stage, status, runId: 'r', by: 'test', what: 'step', settles: false, sequence };
    await recordRunState(this.databases.cube, this.id, state);
    return this.reference;
  }

  private get reference(): RunReference {
    return { migrationId: this.id, kind: newKind, sequence: this.sequence };
  }

  private get deps(): ActivityDependencies {
    return { databases: this.databases, worker: 'test/0', reach: () => undefined };
  }

  private get registry() {
    return { ...registry, [newKind]: this.kind };
  }

  private get steps() {
    return createMigrationSteps(this.deps, this.registry);
  }

  private get items() {
    return createItemSteps(this.deps, this.registry);
  }

  private get ledger() {
    return createLedgerSteps(this.deps);
  }

  private perform<Args extends unknown[], R>(activity: (...args: Args) => Promise<R>, ...args: Args): Promise<R> {
    return new MockActivityEnvironment().run(activity, ...args);
  }
}
