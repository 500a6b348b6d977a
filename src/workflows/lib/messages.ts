import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { FailureReport } from '../../base/failures.js';
import type { DeploymentCall, DeploymentView } from '../../domain/deployment/deployment.js';
import type { Acknowledgement, RollbackCall, RollbackView } from '../../domain/deployment/rollback.js';
import type { MigrationAction, MigrationState, SteeringRequest } from '../../domain/migration/migration.js';
import type { SearchAttributeName } from '../../domain/search-attributes.js';
import type { RampAction, RampRequest, RampView } from '../../domain/traffic/ramp/ramp.js';

/**
 * The update of each action is named after it: what the control API sends is what an operator reads in the history. It is
 * answered once the plan has applied the action and the ledger holds the new state.
 */
export function steeringUpdate(action: MigrationAction) {
  return defineUpdate<void, [SteeringRequest]>(action);
}

/** The update of each action of a ramp; it is answered with the ramp once the plan has applied the action. */
export function rampUpdate(action: RampAction) {
  return defineUpdate<RampView, [RampRequest]>(action);
}

/** The state of a migration, as the workflow itself sees it. */
export interface RunStatus extends MigrationState {
  readonly migrated: number;
  readonly rejected: number;
  readonly error?: FailureReport;
}

export const statusQuery = defineQuery<RunStatus>('status');

/** Answered once the deployment is past the steps that may refuse it at once. */
export const beginUpdate = defineUpdate<DeploymentView, [DeploymentCall]>('begin');
/** A person takes an escalated rollback over, or makes it retry; answered once the rollback continues or ends. */
export const acknowledgeUpdate = defineUpdate<RollbackView, [Acknowledgement]>('acknowledge');
/** A call for the rollback under way, which may have been started for it: joins it, or resolves an escalation with the version that it names. */
export const joinUpdate = defineUpdate<RollbackView, [RollbackCall]>('join');

export const kindAttribute = keyword('MigrationKind');
export const stageAttribute = keyword('MigrationStage');
export const statusAttribute = keyword('MigrationStatus');
export const cubeAttribute = keyword('CubeId');

function keyword(name: SearchAttributeName) {
  return defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
}
