import type { MigrationKind } from '../catalog.js';
import type { NextCommand } from '../next-command.js';
import {
  allowedActions,
  type MigrationAction,
  type MigrationState,
  type MigrationStatus,
  migrationActions,
} from './migration.js';

/**
 * What a person may type about a run in this state: first how to look at what is wrong, then the actions that fit. `hasRejects` is
 * false where nothing is known to be rejected.
 */
export function nextCommands(id: string, state: MigrationState, hasRejects: boolean): readonly NextCommand[] {
  const actions = allowedActions(state);
  return [
    ...lookAtRejects(id, actions, hasRejects),
    ...(state.blockedBy === 'verification_mismatch'
      ? [{ command: `cubeshift migrate status ${id}`, what: 'list what differs' }]
      : []),
    ...effectiveCommands(id, actions, hasRejects),
  ];
}

/** What a person may type where these actions fit: as `nextCommands`, of a run whose differences are shown already. */
export function commandsOfActions(id: string, actions: readonly string[], hasRejects: boolean): readonly NextCommand[] {
  const known = migrationActions.filter((action) => actions.includes(action));
  // In the order of the actions that fit.
  known.sort((a, b) => actions.indexOf(a) - actions.indexOf(b));
  return [...lookAtRejects(id, known, hasRejects), ...effectiveCommands(id, known, hasRejects)];
}

/** What a person may type once a run has ended, which accepts no command any more. */
export function commandsAfterEnd(kind: MigrationKind, id: string, status: MigrationStatus): readonly NextCommand[] {
  const again = `cubeshift migrate start ${kind} --wait`;
  switch (status) {
    case 'completed':
      return [{ command: `cubeshift migrate report ${id} > report.json`, what: 'write its signed evidence report' }];
    case 'cancelled':
      return [{ command: again, what: 'start another migration, which adopts the rows that this one moved' }];
    case 'rolled_back':
    case 'failed':
      return [{ command: again, what: 'start another migration' }];
    default:
      return [];
  }
}

function lookAtRejects(id: string, actions: readonly MigrationAction[], hasRejects: boolean): readonly NextCommand[] {
  return hasRejects && actions.some((action) => action.startsWith('rejects/'))
    ? [{ command: `cubeshift migrate rejects ${id}`, what: 'list the rejects' }]
    : [];
}

function effectiveCommands(
  id: string,
  actions: readonly MigrationAction[],
  hasRejects: boolean,
): readonly NextCommand[] {
  return actions
    .filter((action) => hasRejects || !action.startsWith('rejects/'))
    .map((action) => ({ command: commandOf(action, id), what: actionTexts[action] }));
}

function commandOf(action: MigrationAction, id: string): string {
  switch (action) {
    case 'rejects/retry':
      return `cubeshift migrate rejects ${id} --retry --wait`;
    case 'rejects/accept':
      return `cubeshift migrate rejects ${id} --accept --by NAME --why "WHY" --wait`;
    case 'resume':
    case 'verify':
    case 'repair':
      return `cubeshift migrate ${action} ${id} --wait`;
    default:
      return `cubeshift migrate ${action} ${id}`;
  }
}

/** What each action does: the one text for the command line's help and for the commands that are shown as possible. */
export const actionTexts: Readonly<Record<MigrationAction, string>> = {
  pause: 'stop moving rows until `resume`; nothing is undone',
  resume: 'continue after a pause, or once the cause of a block is fixed',
  cancel: 'end the migration; its rows stay, and the next migration of the kind adopts them',
  verify: 'compare every row of both databases again',
  repair: 'move again what differs, then verify',
  'rejects/retry': 'try the rejects again, once they are corrected in legacy',
  'rejects/accept': 'leave the rejects out of the cube; a person answers for it',
  rollback: 'remove from the cube every row that migrations of the kind put there',
  cutover: 'make the cube the owner; not available in mode copy',
  complete: 'accept the migration: it can no longer be rolled back',
};
