import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { FailureReport } from '../../base/failures.js';
import type {
  Acknowledgement,
  DeploymentView,
  RollbackCall,
  RollbackView,
} from '../../domain/deployment/cube-changes.js';
import type { MigrationAction, MigrationState, SteeringRequest } from '../../domain/migration/migration.js';
import type { RampAction, RampRequest, RampView } from '../../domain/traffic/ramp/ramp.js';

/** The update of each action is named after it: what the control API sends is what an operator reads in the history. */
export function steeringUpdate(action: MigrationAction) {
  return defineUpdate<void, [SteeringRequest]>(action);
}

/** The update of each word that steers a ramp; answers with the ramp once it was carried out. */
export function rampUpdate(action: RampAction) {
  return defineUpdate<RampView, [RampRequest]>(action);
}

export const rampQuery = defineQuery<RampView>('ramp');

/** Where the run stands, as the workflow itself sees it. */
export interface RunStatus extends MigrationState {
  readonly migrated: number;
  readonly rejected: number;
  readonly error?: FailureReport;
}

export const statusQuery = defineQuery<RunStatus>('status');

/** Where a deployment stands; `deployment` on the wire. */
export const deploymentQuery = defineQuery<DeploymentView>('deployment');
/** Where an emergency rollback stands. */
export const rollbackQuery = defineQuery<RollbackView>('rollback');
/** A person takes an escalated rollback over, or has it tried again. */
export const acknowledgeUpdate = defineUpdate<void, [Acknowledgement]>('acknowledge');
/** Another call for the rollback that is under way: joins it, or answers it with the version that it names. */
export const joinUpdate = defineUpdate<void, [RollbackCall]>('join');

export const kindAttribute = defineSearchAttributeKey('MigrationKind', SearchAttributeType.KEYWORD);
export const stageAttribute = defineSearchAttributeKey('MigrationStage', SearchAttributeType.KEYWORD);
export const statusAttribute = defineSearchAttributeKey('MigrationStatus', SearchAttributeType.KEYWORD);
