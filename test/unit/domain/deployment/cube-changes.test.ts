import { expect, test } from 'vitest';
import {
  begunDeployment,
  begunRollback,
  deploymentStatuses,
  endedDeployment,
  endedRollback,
  rollbackStatuses,
} from '../../../../src/domain/deployment/cube-changes.js';

const deployment = begunDeployment({
  cubeId: 'saju-cube',
  change: { kind: 'deploy', version: '2.0', instances: null },
  by: 'a person',
  readySeconds: 60,
  watchSeconds: 3,
});
const rollback = begunRollback({
  cubeId: 'saju-cube',
  targetVersion: null,
  by: 'a person',
  readySeconds: 30,
  watchSeconds: 2,
});

test.each(deploymentStatuses)('a deployment whose plan no longer runs is never shown as running: %s', (status) => {
  const view = endedDeployment({ ...deployment, status });
  expect(view.status).toBe(status === 'running' ? 'undo_incomplete' : status);
  if (status === 'running') expect(view.sentence).toContain('ended in Temporal, at the step begin');
});

test.each(rollbackStatuses)('a rollback whose plan no longer runs says how to start it again: %s', (status) => {
  const view = endedRollback({ ...rollback, status });
  const wasUnderWay = status === 'running' || status === 'escalated';
  expect(view.status).toBe(wasUnderWay ? 'escalated' : status);
  expect(view.next.map(({ command }) => command)).toEqual(
    wasUnderWay ? ['cubeshift cubes rollback saju-cube --wait'] : [],
  );
});
