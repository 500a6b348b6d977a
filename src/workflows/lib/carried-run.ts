import type { KeptCommand, MigrationStage } from '../../domain/migration/migration.js';
import type { Comparison, RejectCounts } from './migration-details.js';

export type SteeringCommand = KeptCommand;

/** All that a migration remembers across a continue-as-new; plain data. */
export interface CarriedRun {
  /** Parts of the plan that are done, and that `once` does not repeat. */
  readonly completed: readonly string[];
  readonly undos: readonly string[];
  readonly sequence: number;
  readonly stage: MigrationStage;
  readonly estimatedRows: number;
  /** Set once every row was read: moved and rejected rows are all there are. */
  readonly isTotalKnown?: true;
  readonly migrated: number;
  readonly rejected: number;
  readonly rejects?: RejectCounts;
  readonly comparison?: Comparison;
  readonly verificationId?: string;
  /** The command that the plan has begun and not completed. */
  readonly commandInProgress?: SteeringCommand;
  /** Set when the plan was lost and starts again from the ledger: it waits for a command, then compares everything once more. */
  readonly startedAgain?: true;
}
