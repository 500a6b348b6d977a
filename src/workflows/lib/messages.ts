import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { MigrationAction, MigrationState, SteeringRequest } from '../../domain/migration.js';
import type { FailureReport } from '../../failures.js';

/** The update of each action is named after it: what the control API sends is what an operator reads in the history. */
export function steeringUpdate(action: MigrationAction) {
  return defineUpdate<void, [SteeringRequest]>(action);
}

/** Where the run stands, as the workflow itself sees it. */
export interface RunStatus extends MigrationState {
  readonly migrated: number;
  readonly rejected: number;
  readonly error?: FailureReport;
}

export const statusQuery = defineQuery<RunStatus>('status');

export const kindAttribute = defineSearchAttributeKey('MigrationKind', SearchAttributeType.KEYWORD);
export const stageAttribute = defineSearchAttributeKey('MigrationStage', SearchAttributeType.KEYWORD);
export const statusAttribute = defineSearchAttributeKey('MigrationStatus', SearchAttributeType.KEYWORD);
