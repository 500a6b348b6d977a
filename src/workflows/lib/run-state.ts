import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { FailureReport } from '../../base/failures.js';
import { kindEntry } from '../../domain/catalog.js';
import {
  type BlockReason,
  endsRun,
  type KeptCommand,
  type MigrationInput,
  type MigrationStage,
  type MigrationState,
  type MigrationStatus,
  migrationActions,
} from '../../domain/migration/migration.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { describeMigration } from '../../domain/plan-descriptions.js';
import type { CarriedRun } from './carried-run.js';
import type { RunStatus } from './messages.js';
import { type Comparison, migrationDetails, type RejectCounts } from './migration-details.js';
import { profiles } from './retry-profiles.js';
import { PlanStatus } from './status.js';

const { recordState } = proxyActivities<Pick<LedgerSteps, 'recordState'>>(profiles.ledgerWrite);

/** What a blocked, failed or resting run adds to its state. */
export interface StateDetails {
  readonly blockedBy?: BlockReason;
  readonly error?: FailureReport;
  /** Of a run at rest: whether there are rejects that no person has accepted. */
  readonly openRejects?: boolean;
  /** The command that the run begins with this state, where the ledger keeps it until it was carried out. */
  readonly command?: KeptCommand;
}

/** Stage and status of a migration: what queries and validators see at once, and the ledger soon after. */
export class RunState {
  migrated: number;
  rejected: number;
  estimatedRows: number;
  private number: number;
  private currentStage: MigrationStage;
  private currentStatus: MigrationStatus;
  private details: StateDetails = {};
  private rejects: RejectCounts | undefined;
  private comparison: Comparison | undefined;
  /** Whether `estimatedRows` is still all that is known of how many rows there are: until every row was read. */
  private isEstimate: boolean;
  /** False for a plan that starts again from the ledger, until it has counted. */
  private isCounted: boolean;
  private readonly planStatus: PlanStatus;

  constructor(
    private readonly input: MigrationInput,
    carried: CarriedRun | undefined,
  ) {
    this.migrated = carried?.migrated ?? 0;
    this.rejected = carried?.rejected ?? 0;
    this.estimatedRows = carried?.estimatedRows ?? 0;
    this.number = carried?.sequence ?? 0;
    this.currentStage = carried?.stage ?? 'preflight';
    this.currentStatus = carried?.startedAgain ? 'blocked' : 'running';
    this.rejects = carried?.rejects;
    this.comparison = carried?.comparison;
    this.isEstimate = carried?.isTotalKnown !== true;
    this.isCounted = carried?.startedAgain !== true;
    this.planStatus = new PlanStatus(input.kind, kindEntry(input.kind).cube, describeMigration(input));
    // A new history begins without a text.
    this.show();
  }

  get stage(): MigrationStage {
    return this.currentStage;
  }

  get status(): MigrationStatus {
    return this.currentStatus;
  }

  /** Rises by one with each change of the state; 0 before the first. */
  get sequence(): number {
    return this.number;
  }

  /** The run in its present state, as its steps need it. */
  get reference(): RunReference {
    return { migrationId: this.input.id, kind: this.input.kind, sequence: this.number };
  }

  /** As far as steering cares. */
  get current(): MigrationState {
    const { blockedBy, openRejects } = this.details;
    return {
      stage: this.stage,
      status: this.status,
      mode: this.input.mode,
      ...(blockedBy === undefined ? {} : { blockedBy }),
      ...(openRejects ? { openRejects: true as const } : {}),
    };
  }

  get view(): RunStatus {
    const { error } = this.details;
    const { migrated, rejected } = this;
    return { ...this.current, migrated, rejected, ...(error === undefined ? {} : { error }) };
  }

  /** Changes the state for queries and validators; `record` puts it into the ledger. */
  change(stage: MigrationStage, status: MigrationStatus, details: StateDetails): void {
    this.currentStage = stage;
    this.currentStatus = status;
    this.details = details;
    this.number++;
    this.show();
  }

  /** `what` and `by` brought the state; `isPending`: a command is pending, which the state does not apply. */
  async record(what: string, by: string, isPending: boolean): Promise<void> {
    const { stage, status, number: sequence } = this;
    const { openRejects: _, ...details } = this.details;
    const settles = !isPending && (status !== 'running' || isAppliedBy(what));
    const { runId } = workflowInfo();
    await recordState(this.reference, { sequence, stage, status, runId, what, by, settles, ...details });
  }

  /** What crosses a continue-as-new of what was counted. */
  get counted(): Pick<
    CarriedRun,
    'migrated' | 'rejected' | 'estimatedRows' | 'isTotalKnown' | 'rejects' | 'comparison'
  > {
    const { migrated, rejected, estimatedRows, isEstimate, rejects, comparison } = this;
    return {
      ...{ migrated, rejected, estimatedRows },
      ...(isEstimate ? {} : { isTotalKnown: true as const }),
      ...(rejects === undefined ? {} : { rejects }),
      ...(comparison === undefined ? {} : { comparison }),
    };
  }

  /** Shows what the ledger says, in place of what the lanes reported. */
  showCounts(counts: { readonly migrated: number; readonly rejected: number }): void {
    this.migrated = counts.migrated;
    this.rejected = counts.rejected;
    this.isEstimate = false;
    this.isCounted = true;
    this.show();
  }

  showRejects(rejects: RejectCounts): void {
    this.rejects = rejects;
    this.rejected = rejects.unresolved;
    this.show();
  }

  /** A clean verification counted both sides: since the copy, a repair or a retry may have moved more. */
  showComparison({ clean, compared, mismatched }: Comparison & { readonly clean: boolean }): void {
    this.comparison = { compared, mismatched };
    if (clean) this.migrated = compared;
    this.show();
  }

  /** Adds what a round of lanes moved. */
  addProgress({ migrated, rejected }: { readonly migrated: number; readonly rejected: number }): void {
    this.migrated += migrated;
    this.rejected += rejected;
    this.show();
  }

  private show(): void {
    const { isCounted, isEstimate, rejects, comparison } = this;
    const { migrated, rejected, estimatedRows } = this;
    const rows = { migrated, rejected, ...(isEstimate ? { estimatedRows } : {}) };
    const figures = { rows: isCounted ? rows : undefined, rejects, comparison };
    const text = migrationDetails(this.input, this.current, figures, this.details.error);
    this.planStatus.show(this.stage, this.status, text);
  }
}

/** Whether a state applies the command that brought it; a cancel or rollback is applied once the run has ended. */
function isAppliedBy(what: string): boolean {
  return migrationActions.some((action) => action === what && !endsRun(action));
}
