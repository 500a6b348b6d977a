import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { FailureReport } from '../../base/failures.js';
import {
  allowedActions,
  type BlockReason,
  endsRun,
  type MigrationInput,
  type MigrationStage,
  type MigrationState,
  type MigrationStatus,
  migrationActions,
} from '../../domain/migration/migration.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import type { CarriedRun } from './carried-run.js';
import type { RunStatus } from './messages.js';
import { profiles } from './retry-profiles.js';
import { PlanStatus } from './status.js';

const { recordState } = proxyActivities<Pick<LedgerSteps, 'recordState'>>(profiles.ledgerWrite);

/** What a blocked, failed or resting run adds to its state. */
export interface StateDetails {
  readonly blockedBy?: BlockReason;
  readonly error?: FailureReport;
  /** Of a run at rest: whether there are rejects that no person has accepted. */
  readonly openRejects?: boolean;
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
    this.planStatus = new PlanStatus(input.kind);
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

  show(): void {
    const { error } = this.details;
    this.planStatus.show(this.stage, this.status, [
      `**${this.status}** at stage **${this.stage}**`,
      `${this.migrated} rows moved, ${this.rejected} rejected, about ${this.estimatedRows} expected`,
      ...(error === undefined ? [] : [`${error.message} ${error.hint}`]),
      `Possible now: ${allowedActions(this.current).join(', ') || 'nothing'}`,
    ]);
  }
}

/** Whether a state applies the command that brought it; a cancel or rollback is applied once the run has ended. */
function isAppliedBy(what: string): boolean {
  return migrationActions.some((action) => action === what && !endsRun(action));
}
