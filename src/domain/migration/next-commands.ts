import type { NextCommand } from '../deployment/cube-changes.js';
import { allowedActions, type MigrationAction, type MigrationState } from './migration.js';

/**
 * What a person may type about a run in this state: first how to look at what is wrong, then the actions that fit. `hasRejects` is
 * false where nothing is known to be rejected.
 */
export function nextCommands(id: string, state: MigrationState, hasRejects: boolean): readonly NextCommand[] {
  const actions = allowedActions(state).filter((action) => hasRejects || !action.startsWith('rejects/'));
  const look = [
    ...(hasRejects && actions.some((action) => action.startsWith('rejects/'))
      ? [{ command: `cubeshift migrate rejects ${id}`, what: 'list the rejects' }]
      : []),
    ...(state.blockedBy === 'verification_mismatch'
      ? [{ command: `cubeshift migrate status ${id}`, what: 'list what differs' }]
      : []),
  ];
  return [...look, ...actions.map((action) => ({ command: commandOf(action, id), what: effects[action] }))];
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

const effects: Readonly<Record<MigrationAction, string>> = {
  pause: 'stop moving rows until `resume`; nothing is undone',
  resume: 'continue, once the cause is fixed',
  cancel: 'end the migration; its rows stay, and the next migration of the kind adopts them',
  verify: 'compare every row of both databases again',
  repair: 'move again what differs, then verify',
  'rejects/retry': 'try the rejects again, once they are corrected in legacy',
  'rejects/accept': 'leave the rejects out of the cube; a person answers for it',
  rollback: 'remove from the cube every row that migrations of the kind put there',
  cutover: 'make the cube the owner',
  complete: 'accept the migration: it can no longer be rolled back',
};
