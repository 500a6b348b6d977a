import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageVersion } from '../../src/base/package-root.js';
import type { RampView } from '../../src/domain/traffic/ramp/ramp.js';
import { until } from '../support/conditions.js';
import { CubeStack } from '../support/cube-stack.js';
import { fakeRelease } from '../support/fake-cube.js';

// What Temporal's pages show is what the server holds: read here as the Web UI reads it.

let stack: CubeStack;
let client: Client;

beforeAll(async () => {
  stack = await CubeStack.start(fakeRelease(packageVersion()), { records: 3000, bulkWorkers: 1 });
  client = new Client({ connection: await stack.engine.temporal(), namespace: stack.engine.namespace });
});
afterAll(() => stack.stop());

test('a migration that rejects block says what it is, what it counted and what to type', async () => {
  const { engine } = stack;
  await engine.startMigration('pages', { reject_limit_percent: 0.1, rows_per_second: null });
  await engine.waitFor('pages', 'blocked', ({ status }) => status === 'blocked');
  const page = await read('saju-records/pages');
  expect(page.summary).toBe('Migration pages: saju-records from legacy to saju-cube, mode copy');
  expect(page.details).toContain('`reject_limit_percent` 0.1');
  expect(page.current).toMatch(
    /^\*\*blocked\*\* at \*\*copying\*\*: it stopped by itself and waits for a person\.\n\d+ rows/,
  );
  expect(page.current).toMatch(/\n\*\*\d+\*\* rejects are open:\n- \*\*\d+\*\* `[a-z_]+`/);
  expect(page.current).toContain('What to type now:\n- `cubeshift migrate rejects pages`: list the rejects');
  expect(page.current).toContain('- `cubeshift migrate rejects pages --retry --wait`: try the rejects again');
  expect(page.attributes).toMatchObject({
    MigrationKind: ['saju-records'],
    MigrationStage: ['copying'],
    MigrationStatus: ['blocked'],
    CubeId: ['saju-cube'],
  });
  const steps = await summaries('saju-records/pages');
  expect(steps).toContain('copyLane: Copy rows into the cube, lane 1 of 2');
  expect(steps).toContain('recordState: Record in the ledger: blocked at copying');
  expect(steps.filter((step) => step.endsWith(': '))).toEqual([]);
  await expect(found("CubeId = 'saju-cube' AND MigrationStatus IN ('blocked', 'waiting')")).resolves.toContain(
    'saju-records/pages',
  );
  await engine.steer('pages', 'rollback');
  await engine.waitFor('pages', 'rolled back', ({ status }) => status === 'rolled_back');
  expect((await read('saju-records/pages')).current).toBe(
    '**rolled_back** at **done**: every row that migrations of the kind put into the cube was removed.\n\nAs it is now: `cubeshift migrate status pages`',
  );
});

test('a ramp says what it has seen and what to type', async () => {
  await stack.engine.call('POST', '/v1/traffic/saju/ramp', { steps: [10, 50] });
  await until('a first look', async () => {
    const { body } = await stack.engine.call('GET', '/v1/traffic/saju/ramp');
    return (body as RampView).checks > 0;
  });
  const page = await read('ramp/saju');
  expect(page.summary).toBe('Ramp: users of saju from legacy to the cube, up to 50 %');
  expect(page.details).toContain('(10 %, 50 %)');
  expect(page.current).toMatch(/^\*\*ramping\*\* at \*\*0 %\*\* of 50 %: /);
  expect(page.current).toContain('- `cubeshift traffic stop saju`: end it; the weight stays');
  expect(page.attributes).toMatchObject({
    MigrationKind: ['ramp'],
    MigrationStatus: ['ramping'],
    CubeId: ['saju-cube'],
  });
  expect(await summaries('ramp/saju')).toContain('observeTraffic: Read weight, instances and metrics of saju');
  expect(await timerSummaries('ramp/saju')).toContain('Wait until the next look');
  await stack.engine.call('DELETE', '/v1/traffic/saju/ramp');
});

test('a deployment and a rollback that waits for a person say what was done and what to type', async () => {
  stack.home.addRelease(fakeRelease('2.0'));
  expect(await stack.deploy('2.0')).toMatchObject({ status: 'done' });
  const deployed = await read('deployment/saju-cube');
  expect(deployed.summary).toBe('Deploy version 2.0 of saju-cube');
  expect(deployed.current).toContain('**done**: 2.0 of saju-cube takes the traffic');
  expect(deployed.current).toMatch(/- \d\d:\d\d:\d\d `switch`: 2\.0 takes the traffic/);
  expect(deployed.attributes).toMatchObject({ MigrationKind: ['deployment'], MigrationStatus: ['done'] });
  expect(await summaries('deployment/saju-cube')).toContain('activateVersion: Give version 2.0 the traffic');

  stack.home.addRelease(fakeRelease('broken', 'does_not_start'));
  await stack.rollBack({ target_version: 'broken' });
  expect(await stack.rollback()).toMatchObject({ status: 'escalated' });
  const escalated = await read('rollback/saju-cube');
  expect(escalated.summary).toBe('Emergency rollback of saju-cube to version broken');
  expect(escalated.current).toMatch(/^\*\*escalated\*\*: It needs a person at /);
  expect(escalated.current).toContain('- `cubeshift cubes rollback saju-cube --acknowledge "WHY"`: end it here');
  await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback/acknowledge', { why: 'seen' });
  await stack.rollback(({ status }) => status === 'acknowledged');
});

async function read(workflowId: string) {
  const handle = client.workflow.getHandle(workflowId);
  const described = await handle.describe();
  const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  return {
    summary: await described.staticSummary(),
    details: await described.staticDetails(),
    current: currentDetails,
    attributes: described.searchAttributes,
  };
}

/** Every step of a run, with its summary. */
async function summaries(workflowId: string): Promise<readonly string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled, userMetadata }) =>
    scheduled ? [`${scheduled.activityType?.name}: ${textOf(userMetadata?.summary?.data)}`] : [],
  );
}

async function timerSummaries(workflowId: string): Promise<readonly string[]> {
  return until('a timer', async () => {
    const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
    const timers = (events ?? []).filter(({ timerStartedEventAttributes: timer }) => timer);
    return timers.length > 0 && timers.map(({ userMetadata }) => textOf(userMetadata?.summary?.data));
  });
}

function textOf(data: Uint8Array | null | undefined): string {
  return data ? String(JSON.parse(Buffer.from(data).toString('utf8'))) : '';
}

/** The ids that a filter of the Web UI finds; the index is a moment behind. */
function found(query: string): Promise<readonly string[]> {
  return until('a run to be found', async () => {
    const ids: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
    return ids.length > 0 && ids;
  });
}
