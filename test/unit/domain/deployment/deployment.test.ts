import { expect, test } from 'vitest';
import { begunDeployment, deploymentStatuses, endedDeployment } from '../../../../src/domain/deployment/deployment.js';

const deployment = begunDeployment({
  cubeId: 'saju-cube',
  change: { kind: 'deploy', version: '2.0', instances: null },
  by: 'a person',
  readySeconds: 60,
  watchSeconds: 3,
});

test.each(deploymentStatuses)('a deployment whose plan no longer runs is never shown as running: %s', (status) => {
  const view = endedDeployment({ ...deployment, status });
  expect(view.status).toBe(status === 'running' ? 'undo_incomplete' : status);
  if (status === 'running') expect(view.sentence).toContain('ended in Temporal, at the step begin');
});
