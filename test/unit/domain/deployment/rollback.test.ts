import { expect, test } from 'vitest';
import { begunRollback, endedRollback, rollbackStatuses } from '../../../../src/domain/deployment/rollback.js';

const rollback = begunRollback({
  cubeId: 'saju-cube',
  targetVersion: null,
  by: 'a person',
  readySeconds: 30,
  watchSeconds: 2,
});

test.each(rollbackStatuses)('a rollback whose plan no longer runs says how to start it again: %s', (status) => {
  const view = endedRollback({ ...rollback, status });
  const wasUnderWay = status === 'running' || status === 'escalated';
  expect(view.status).toBe(wasUnderWay ? 'escalated' : status);
  expect(view.next.map(({ command }) => command)).toEqual(
    wasUnderWay ? ['cubeshift cubes rollback saju-cube --wait'] : [],
  );
});
