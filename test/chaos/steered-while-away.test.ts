import { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rampWorkflowId } from '../../src/domain/traffic/ramp/ramp.js';
import { workflowBundlePath } from '../../src/workers/worker.js';
import { until } from '../support/conditions.js';
import { RampStack } from '../support/ramp-stack.js';
import { SeriesServer } from '../support/series-server.js';

/** The defect that these turns look for came in one of three to nine. */
const turns = Number(process.env.STEERED_TURNS ?? 3);
let stack: RampStack;
let gateway: SeriesServer;

beforeAll(async () => {
  stack = await RampStack.start({ apart: ['worker-control'] });
  gateway = await SeriesServer.start(stack.redis, 'gateway-1');
});
afterAll(async () => {
  await gateway.stop();
  await stack.stop();
});

test('a plan that is read and steered while its worker is away can be replayed by every later worker', {
  timeout: 60_000 + turns * 60_000,
}, async () => {
  const cube = stack.registerCube();
  try {
    for (let turn = 0; turn < turns; turn++) await steerWithoutWorker(2000 + (turn % 4) * 500);
  } finally {
    await cube.close();
  }
});

async function steerWithoutWorker(awayMillis: number): Promise<void> {
  const { engine } = stack;
  const ramp = (method: string, path = '', body?: unknown) => engine.call(method, `/v1/traffic/saju/ramp${path}`, body);
  const accepted = (what: string, path: string, body: unknown) =>
    until(what, async () => (await ramp('POST', path, body)).status === 202);
  await stack.openForNobody();
  const settings = { interval_seconds: 2, check_interval_seconds: 1, minimums: { requests: 20, users: 5 } };
  await accepted('a ramp', '', { steps: [5, 50, 100], ...settings });
  await until('a first step', async () => ((await ramp('GET')).body as { percentage: number }).percentage > 0);
  await accepted('a pause', '/pause', {});
  await accepted('another weight', '/set', { percentage: 60 });
  await engine.kill('worker-control');
  let isAway = true;
  const reads = (async () => {
    while (isAway) await Promise.all([1, 2, 3].map(() => ramp('GET')));
  })();
  // An attempt whose answer came too late was applied all the same, and the next one does not fit.
  const resumed = until('a resumed ramp', async () => [202, 409].includes((await ramp('POST', '/resume', {})).status));
  // The timer of the plan's next look fires meanwhile.
  await new Promise((resolve) => setTimeout(resolve, awayMillis));
  engine.startProgram('worker-control');
  await resumed;
  isAway = false;
  await reads;
  await replay();
  await until('a stopped ramp', async () => [202, 409].includes((await ramp('DELETE')).status));
  await replay();
}

/** Throws where a worker without the plan in its memory could not go on with it. */
async function replay(): Promise<void> {
  const { engine } = stack;
  const { workflow } = new Client({ connection: await engine.temporal(), namespace: engine.namespace });
  const workflowId = rampWorkflowId('saju');
  const history = await workflow.getHandle(workflowId).fetchHistory();
  await expect(
    Worker.runReplayHistory({ workflowBundle: { codePath: workflowBundlePath } }, history, workflowId),
  ).resolves.toBeUndefined();
}
