import type pg from 'pg';
import type { ReachCrashPoint } from '../base/crash-points.js';
import type { ItemOutcome, ItemRef, RejectedItem } from '../domain/migration/items.js';
import type { MigrationOptions } from '../domain/migration/options.js';
import type { RejectSelection } from '../domain/migration/reject-selection.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import type { Databases } from '../postgres/databases.js';
import type { ItemClaim } from '../postgres/ledger/item-claims.js';
import type { VerificationVerdict } from '../postgres/ledger/verifications.js';
import type { Assets } from './assets.js';
import type { ItemsOfRows } from './items-of-rows.js';

/** What a step gets of the world. */
export interface StepContext {
  /** Their statements are cancelled with the step. */
  readonly databases: Databases;
  /** Host and process id, for the ledger. */
  readonly worker: string;
  /** Aborts when the step is cancelled or given up: it then stops at its next commit. */
  readonly signal: AbortSignal;
  /** Call it after each commit or comparison: a step without progress is given up and run again. */
  readonly reportProgress: (position: unknown) => void;
  readonly reach: ReachCrashPoint;
  /** Of the plan `items`: what a step on rows calls before it changes rows that are items. */
  readonly itemsOfRows: ItemsOfRows;
  readonly assets: Assets;
}

export interface Estimate {
  readonly rows: number;
  /** Columns of legacy that are left behind. */
  readonly unmapped: readonly string[];
}

/** One of the copies of a run that work at the same time. */
export interface CopyLane extends RunReference {
  readonly lane: number;
  readonly options: MigrationOptions;
  readonly estimatedRows: number;
}

/** What a lane did in one round. */
export interface LaneRound {
  readonly outcome: { readonly kind: 'source_exhausted' | 'round_over' | 'stopped' | 'too_many_rejects' };
  readonly migrated: number;
  readonly rejected: number;
}

export type VerifyRound =
  | { readonly kind: 'concluded'; readonly verdict: VerificationVerdict }
  | { readonly kind: 'round_over' | 'stopped' };

/** A kind's own part of the evidence report, as JSON: ids, names and counts, no record contents. */
export type EvidenceSection = Readonly<Record<string, unknown>>;

/** False when the worker is shut down in between: what is left is done by calling again. */
export interface Finished {
  readonly finished: boolean;
}

export interface Passed extends Finished {
  /** In how many ranges legacy had changed something that the newest verification may have seen and the pass before it had not. */
  readonly changedRanges: number;
}

/**
 * What a kind of migration knows of its own: one implementation a kind, in `src/kinds/<kind>/kind.ts`. Every method may be
 * killed at any instruction and called again: it reads the ledger and goes on. One that comes late, when its run has gone on,
 * throws `claim_lost` and changes nothing.
 */
export interface Kind {
  /** Throws the first thing that is wrong, before anything is changed; may read whole tables. */
  preflight(run: RunReference, step: StepContext): Promise<Estimate>;
  /**
   * Moves rows, parents before their children, until the source is exhausted or the round is over. The bytes of an artifact are
   * durable before its row commits; rows and their ledger entry commit together. What cannot be moved becomes a reject.
   */
  copy(lane: CopyLane, step: StepContext): Promise<LaneRound>;
  /** Compares rows, references and artifacts from where the verification is, and concludes it once all were compared. */
  verify(run: RunReference, verificationId: string, step: StepContext): Promise<VerifyRound>;
  /**
   * Moves again what legacy has changed since the last pass. What only the cube changed stays as it is: a verification finds it, and a
   * repair mends it.
   */
  pass(run: RunReference, options: MigrationOptions, step: StepContext): Promise<Passed>;
  /** Makes the cube equal to legacy where the last verification found a difference. */
  repair(run: RunReference, options: MigrationOptions, step: StepContext): Promise<Finished>;
  /** Tries the selected rejects again that are not in the cube. */
  retry(run: RunReference, options: MigrationOptions, selection: RejectSelection, step: StepContext): Promise<Finished>;
  /** The undo of every move: removes what runs of the kind own, children before their parents, and nothing else. */
  remove(run: RunReference, step: StepContext): Promise<void>;
  /**
   * The last step of `complete`, after which there is no way back: does what the kind has to do before, and at its end has the ledger
   * hand over what runs of the kind own and complete the run, in one transaction (`finalizeBatches`). Lasts seconds; what it has to
   * wait for it throws as a failure that is retried.
   */
  handOver(run: RunReference, step: StepContext): Promise<void>;
  /** What the verification that has just ended rests on, beyond what the ledger counts of every kind. */
  evidence(run: RunReference, step: StepContext): Promise<EvidenceSection>;
  /** How much of a sample of the moved rows is in the target; takes about a second, however large the tables are. */
  countMoved(cube: pg.Pool): Promise<{ readonly moved: number; readonly present: number }>;
  /** Throws what keeps the connected role from reading the kind's tables in legacy. */
  checkLegacy(client: pg.ClientBase): Promise<void>;
  /**
   * Throws what keeps the connected role from writing and removing the kind's rows in the cube database. A table that is not
   * there is made when the programs start.
   */
  checkCube(client: pg.ClientBase): Promise<void>;
  /** Throws what keeps the connected role of the kind's cube from serving users out of legacy's tables. */
  checkServing(client: pg.ClientBase, role: string): Promise<void>;
  /** What the kind's service must answer for some rows of their owner; left out for a kind that is not served by id. */
  readonly answers?: ServedRows;
  /** Of the plan `items`: what happens to each item once its rows were moved. */
  readonly items?: KindItems;
}

export interface KindItems {
  /**
   * Items in the cube behind the id `after`, in the order of their ids; fewer than `max` only at the end. The engine skips rows that no
   * run owns.
   */
  list(run: RunReference, after: string | null, max: number, step: StepContext): Promise<readonly ItemRef[]>;
  /**
   * Carries one step out (`claim.step` of `claim.item`), or finds it carried out. What it writes into the cube database is conditional on
   * `confirmItem(client, claim)` in the same transaction: otherwise a later attempt, or an undo, has taken the step over.
   */
  do(claim: ItemClaim, step: StepContext): Promise<ItemOutcome>;
  /**
   * Undoes one step as far as it was carried out, with the same condition. An item is undone before its row leaves; a rollback whose undo
   * failed names the item and keeps its row, not those of child tables, for the undo of the next. A person may still have deleted the row.
   */
  undo(claim: ItemClaim, step: StepContext): Promise<void>;
  /** Takes the rows of unfit items out of the cube, and keeps them as rejects; those that are rejects stay rejects. */
  reject(run: RunReference, rejected: readonly RejectedItem[], step: StepContext): Promise<void>;
}

/** Fields of a row as its service answers them. */
export type AnsweredFields = Readonly<Record<string, string | number | boolean | null>>;

export interface ServedRows {
  /** Some rows of the owner. */
  readonly sample: (legacy: pg.Pool) => Promise<readonly AnsweredFields[]>;
  /** One row as it is now; undefined when it is gone. */
  readonly read: (legacy: pg.Pool, id: string) => Promise<AnsweredFields | undefined>;
  readonly path: (id: string) => string;
  readonly permission: string;
}
