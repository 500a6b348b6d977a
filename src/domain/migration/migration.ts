import type { MigrationKind } from '../catalog.js';
import type { RequestProof } from '../plan-requests.js';
import type { Side } from '../side.js';
import type { OperationView } from './operation-view.js';
import type { MigrationOptions } from './options.js';
import type { RejectSelection } from './reject-selection.js';

/** The words of a migration's life: stages, states, actions. The control API and the workflows share them. */

export const migrationModes = ['copy', 'live'] as const;
export type MigrationMode = (typeof migrationModes)[number];

export const migrationStages = [
  'preflight',
  'copying',
  'verifying',
  'verified',
  'synchronizing',
  'cutting_over',
  'cut_over',
  'rolling_back',
  'done',
] as const;
export type MigrationStage = (typeof migrationStages)[number];

export const migrationStatuses = [
  'running',
  'waiting',
  'paused',
  'blocked',
  'completed',
  'cancelled',
  'rolled_back',
  'failed',
] as const;
export type MigrationStatus = (typeof migrationStatuses)[number];

/** The states from which a migration never moves again. */
export const endedStatuses: ReadonlySet<MigrationStatus> = new Set(['completed', 'cancelled', 'rolled_back', 'failed']);

export const migrationActions = [
  'pause',
  'resume',
  'cancel',
  'verify',
  'repair',
  'rejects/retry',
  'rejects/accept',
  'rollback',
  'cutover',
  'complete',
] as const;
export type MigrationAction = (typeof migrationActions)[number];

/** Why a migration stopped by itself; decides which ways out are open. */
export type BlockReason = 'too_many_rejects' | 'verification_mismatch' | 'other';

/** The state of a migration, as far as it decides which actions are allowed. */
export interface MigrationState {
  readonly stage: MigrationStage;
  readonly status: MigrationStatus;
  readonly mode: MigrationMode;
  /** Set while `status` is `blocked`. */
  readonly blockedBy?: BlockReason;
  /** Set while there are rejects that are still open: nothing is completed over them. */
  readonly openRejects?: true;
}

declare const migrationIdBrand: unique symbol;
/** The id of one migration, unique over all kinds. */
export type MigrationId = string & { readonly [migrationIdBrand]: true };

/** What the id of a migration looks like, as a regular expression. */
export const migrationIdPattern = '^[a-z0-9][a-z0-9-]{0,62}$';

export function isMigrationId(value: string): value is MigrationId {
  return new RegExp(migrationIdPattern).test(value);
}

export function workflowIdOf(kind: MigrationKind, id: string): string {
  return `${kind}/${id}`;
}

/**
 * The actions that are allowed in a state, in the order in which an operator would consider them.
 * The one rule for the workflow's validators, the control API's 409 and the command line's hints.
 */
export function allowedActions(state: MigrationState): readonly MigrationAction[] {
  switch (state.status) {
    case 'running':
      return state.stage === 'rolling_back' || state.stage === 'done' ? [] : ['pause', 'cancel', 'rollback'];
    case 'paused':
      return ['resume', 'cancel', 'rollback'];
    case 'blocked':
      // Half a rollback can only become a whole one.
      return state.stage === 'rolling_back' ? ['rollback'] : allowedWhenBlocked(state.blockedBy ?? 'other');
    case 'waiting': {
      if (state.stage !== 'verified') return ['cancel', 'rollback'];
      const others = ['verify', 'rejects/retry', 'rejects/accept', 'cancel', 'rollback'] as const;
      return state.openRejects ? others : ['complete', ...others];
    }
    case 'completed':
    case 'cancelled':
    case 'rolled_back':
    case 'failed':
      return [];
  }
}

/**
 * The actions that are allowed while the plan has accepted a command and not begun it: `cancel` and `rollback` replace it, since
 * nothing of it was done. Of these two the first stays, since its caller knows that the plan accepted it.
 */
export function allowedWhilePending(
  pending: MigrationAction | undefined,
  allowed: readonly MigrationAction[],
): readonly MigrationAction[] {
  if (pending === undefined) return allowed;
  return endsRun(pending) ? [] : allowed.filter(endsRun);
}

/** Whether an action ends the run. */
export function endsRun(action: MigrationAction): action is 'cancel' | 'rollback' {
  return action === 'cancel' || action === 'rollback';
}

/** A command that is kept until it was carried out to its end: a plan that replaces a lost one carries it out. */
export interface KeptCommand {
  readonly action: MigrationAction;
  readonly request: SteeringRequest;
}

/**
 * Whether a command is kept. A plan that starts again compares anyway, as `verify` requests, and comes to rest: nothing is completed
 * on a comparison that a person has not seen.
 */
export function isKept(action: MigrationAction): boolean {
  return action === 'rejects/retry' || action === 'rejects/accept' || action === 'repair';
}

function allowedWhenBlocked(reason: BlockReason): readonly MigrationAction[] {
  switch (reason) {
    case 'too_many_rejects':
      return ['rejects/retry', 'rejects/accept', 'verify', 'repair', 'cancel', 'rollback'];
    case 'verification_mismatch':
      return ['repair', 'verify', 'rejects/retry', 'rejects/accept', 'cancel', 'rollback'];
    case 'other':
      return ['resume', 'cancel', 'rollback'];
  }
}

/** What a workflow of a migration is started with. */
export interface MigrationInput {
  readonly id: MigrationId;
  readonly kind: MigrationKind;
  readonly mode: MigrationMode;
  readonly options: MigrationOptions;
}

/**
 * What steering sends along: the Temporal update named after the action takes one of these.
 * `by` is the cube id of the token of the request.
 */
export interface SteeringRequest {
  readonly by: string;
  readonly why?: string;
  /** For `rejects/accept` and `rejects/retry`: which ones; `all` unless given. */
  readonly ids?: RejectSelection;
  /** That the control API sent it. */
  readonly proof?: RequestProof;
}

/** What `GET /v1/migrations/{id}` answers. */
export interface MigrationView {
  readonly id: string;
  readonly kind: MigrationKind;
  readonly mode: MigrationMode;
  readonly workflow_id: string;
  readonly run_id: string | null;
  readonly status: MigrationStatus;
  readonly stage: MigrationStage;
  readonly progress: MigrationProgress;
  readonly verification: VerificationView;
  /** The weight of the kind's cube, as it is now. */
  readonly traffic: { readonly enabled: boolean; readonly percentage: number };
  readonly ownership: { readonly owner: Side; readonly epoch: number; readonly since: string | null };
  readonly error: { readonly type: string; readonly message: string; readonly hint: string } | null;
  readonly actions: readonly MigrationAction[];
  /** An action that was accepted and is not carried out yet. */
  readonly pending: MigrationAction | null;
  /** The last retry of rejects or repair; null while there was none. */
  readonly last_operation: OperationView | null;
  readonly started_at: string;
  readonly finished_at: string | null;
}

export interface MigrationProgress {
  readonly total: number;
  readonly total_estimated: boolean;
  readonly migrated: number;
  readonly rejected: number;
  readonly verified: number;
  readonly rate_per_second: number;
  /** Null while nothing is copied, and once every row was. */
  readonly eta_seconds: number | null;
  /** Of a kind whose rows have steps of their own; null for every other. */
  readonly items: ItemProgress | null;
}

/** Rows of the main table that have steps of their own, as comparing and activating a model. */
export interface ItemProgress {
  /** Went through all their steps. */
  readonly passed: number;
  /** Undone: unfit ones, and after a rollback all. */
  readonly taken_back: number;
  /** Were moved, and are still to go through their steps. */
  readonly left: number;
}

export interface VerificationView {
  readonly status: 'none' | 'running' | 'clean' | 'mismatch';
  readonly compared: number;
  /** The first hundred; the differing values stay in the ledger. */
  readonly mismatches: readonly { readonly table: string; readonly id: string; readonly field: string }[];
  readonly finished_at: string | null;
}
