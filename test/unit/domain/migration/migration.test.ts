import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { migrationKinds } from '../../../../src/domain/catalog.js';
import {
  allowedActions,
  allowedWhilePending,
  type BlockReason,
  endedStatuses,
  isMigrationId,
  type MigrationState,
  migrationActions,
  migrationModes,
  migrationStages,
  migrationStatuses,
  workflowIdOf,
} from '../../../../src/domain/migration/migration.js';

const reasons: readonly (BlockReason | undefined)[] = [undefined, 'too_many_rejects', 'verification_mismatch', 'other'];
const states: readonly MigrationState[] = migrationStages.flatMap((stage) =>
  migrationStatuses.flatMap((status) =>
    migrationModes.flatMap((mode) =>
      reasons.flatMap((blockedBy) =>
        [false, true].map((openRejects) => ({
          stage,
          status,
          mode,
          ...(blockedBy === undefined ? {} : { blockedBy }),
          ...(openRejects ? { openRejects } : {}),
        })),
      ),
    ),
  ),
);
const where = ({ stage, status, mode, blockedBy, openRejects }: MigrationState) =>
  `${stage} ${status} ${mode} ${blockedBy}${openRejects ? ' with open rejects' : ''}`;

/** The states, told in words, in which an action is among those that fit. */
function statesWith(action: (typeof migrationActions)[number]): string[] {
  return states.filter((state) => allowedActions(state).includes(action)).map(where);
}

function statesThat(fit: (state: MigrationState) => boolean): string[] {
  return states.filter(fit).map(where);
}

/** A rollback whose plan was lost. */
const isHalfRolledBack = ({ status, stage }: MigrationState) => status === 'blocked' && stage === 'rolling_back';
const isBlockedByData = ({ status, stage, blockedBy }: MigrationState) =>
  status === 'blocked' &&
  stage !== 'rolling_back' &&
  (blockedBy === 'too_many_rejects' || blockedBy === 'verification_mismatch');
const restsVerified = ({ status, stage }: MigrationState) => status === 'waiting' && stage === 'verified';
const canLeave = ({ status, stage }: MigrationState) =>
  !endedStatuses.has(status) && !(status === 'running' && (stage === 'rolling_back' || stage === 'done'));

describe('actions that are allowed', () => {
  test('pause: a running migration that is not on its way out', () => {
    expect(statesWith('pause')).toEqual(statesThat((state) => state.status === 'running' && canLeave(state)));
  });

  test('resume: a paused one, and one blocked by its surroundings', () => {
    expect(statesWith('resume')).toEqual(
      statesThat(
        (state) =>
          state.status === 'paused' ||
          (state.status === 'blocked' && !isBlockedByData(state) && !isHalfRolledBack(state)),
      ),
    );
  });

  test('cancel and rollback: every one that has not ended and is not on its way out', () => {
    expect(statesWith('cancel')).toEqual(statesThat((state) => canLeave(state) && !isHalfRolledBack(state)));
    expect(statesWith('rollback')).toEqual(statesThat(canLeave));
  });

  test('complete: one that waits verified, without an open reject, and no other', () => {
    expect(statesWith('complete')).toEqual(statesThat((state) => restsVerified(state) && !state.openRejects));
  });

  test('repair: one blocked by its data', () => {
    expect(statesWith('repair')).toEqual(statesThat(isBlockedByData));
  });

  test('verify, retry and accept: one blocked by its data, and one that rests verified', () => {
    for (const action of ['verify', 'rejects/retry', 'rejects/accept'] as const)
      expect(statesWith(action)).toEqual(statesThat((state) => isBlockedByData(state) || restsVerified(state)));
  });

  test('cutover: none yet, a copy has nothing to cut over', () => {
    expect(statesWith('cutover')).toEqual([]);
  });

  test('none at all: once it has ended', () => {
    for (const state of states.filter(({ status }) => endedStatuses.has(status)))
      expect([where(state), allowedActions(state)]).toEqual([where(state), []]);
  });

  test('each is listed once', () => {
    for (const state of states) {
      const fitting = allowedActions(state);
      expect(new Set(fitting).size).toBe(fitting.length);
      for (const action of fitting) expect(migrationActions).toContain(action);
    }
  });

  test('a block names first what answers it', () => {
    const first = (blockedBy: BlockReason) =>
      allowedActions({ stage: 'verifying', status: 'blocked', mode: 'copy', blockedBy })[0];
    expect([first('too_many_rejects'), first('verification_mismatch'), first('other')]).toEqual([
      'rejects/retry',
      'repair',
      'resume',
    ]);
  });
});

describe('while the plan has accepted a command and not begun it', () => {
  test('only a way out comes before it, and none before a way out', () => {
    for (const state of states) {
      const fitting = allowedActions(state);
      const out = fitting.filter((action) => action === 'cancel' || action === 'rollback');
      expect(allowedWhilePending(undefined, fitting)).toEqual(fitting);
      for (const pending of migrationActions)
        expect(allowedWhilePending(pending, fitting)).toEqual(
          pending === 'cancel' || pending === 'rollback' ? [] : out,
        );
    }
  });
});

describe('the id of a migration', () => {
  test.each(['a', '0', 'saju-2026', 'a-', 'a'.repeat(63)])('%s is one', (id) => {
    expect(isMigrationId(id)).toBe(true);
  });

  test.each(['', '-a', 'A', 'a_b', 'a/b', 'a.b', 'a ', 'a\n', '\na', 'é', '사주', 'a'.repeat(64), '../a', 'a\u0000'])(
    '%j is none',
    (id) => {
      expect(isMigrationId(id)).toBe(false);
    },
  );

  test('and its kind give a workflow id that no other pair gives', () => {
    const ids = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
    fc.assert(
      fc.property(fc.constantFrom(...migrationKinds), ids, (kind, id) => {
        if (!isMigrationId(id)) throw new Error(id);
        expect(workflowIdOf(kind, id).split('/')).toEqual([kind, id]);
      }),
    );
  });
});
