import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, inject, test } from 'vitest';
import { packageVersion } from '../../src/base/package-root.js';
import { readConfiguration } from '../../src/config/configuration.js';
import { temporalTarget, temporalVariables } from '../../src/config/temporal-address.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { AiStack } from '../support/ai-stack.js';
import { until } from '../support/conditions.js';
import { CrawlerStack } from '../support/crawler-stack.js';
import { CubeStack } from '../support/cube-stack.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { DocumentsStack } from '../support/documents-stack.js';
import { Engine } from '../support/engine.js';
import { fakeRelease } from '../support/fake-cube.js';
import { fillModels, modelNamed } from '../support/legacy-models.js';
import { NewKindStack } from '../support/new-kind-stack.js';
import { PaperworkStack } from '../support/paperwork-stack.js';
import { historiesFolder, planVersion, toText } from './histories.js';
import { rampScenarios, startRampWorld } from './ramp-scenarios.js';

/** What is done to a run, from its start to its end; by scenario. */
const scenarios: Readonly<Record<string, (engine: Engine, databases: TestDatabases, id: string) => Promise<unknown>>> =
  {
    'happy-path': async (engine, _databases, id) => {
      await engine.startMigration(id);
      await complete(engine, id);
    },
    'paused-and-resumed': async (engine, _databases, id) => {
      await startSlowly(engine, id);
      await engine.steer(id, 'pause');
      await engine.waitFor(id, 'paused', ({ status }) => status === 'paused');
      await engine.steer(id, 'resume');
      await complete(engine, id);
    },
    'blocked-by-rejects-then-accepted': async (engine, _databases, id) => {
      await engine.startMigration(id, { reject_limit_percent: 0.1 });
      // It blocks each time that more than the limit were found since the last were accepted.
      while ((await engine.waitForRest(id)).status === 'blocked') {
        await engine.steer(id, 'rejects/accept', { all: true, by: 'recorder', why: 'foretold' });
      }
      await complete(engine, id);
    },
    'mismatch-repaired': async (engine, databases, id) => {
      await engine.startMigration(id);
      await rest(engine, id);
      await databases.cube.query(`update saju.charts set user_id = user_id || ' ' where id % 100 = 1`);
      await engine.steer(id, 'verify');
      await engine.waitFor(id, 'blocked', ({ status }) => status === 'blocked');
      await engine.steer(id, 'repair');
      await complete(engine, id);
    },
    cancelled: async (engine, _databases, id) => {
      await startSlowly(engine, id);
      await engine.steer(id, 'cancel');
      await ended(engine, id, 'cancelled');
    },
    'rolled-back': async (engine, _databases, id) => {
      await startSlowly(engine, id);
      await engine.steer(id, 'rollback');
      await ended(engine, id, 'rolled_back');
    },
    'worker-killed-mid-copy': async (engine, _databases, id) => {
      await startSlowly(engine, id);
      await engine.kill('worker-bulk-1');
      engine.startProgram('worker-bulk-1');
      await complete(engine, id);
    },
    'continued-as-new': async (engine, _databases, id) => {
      await engine.startMigration(id);
      const { run_id: first } = await rest(engine, id);
      while ((await rest(engine, id)).run_id === first) await engine.steer(id, 'verify');
      await complete(engine, id);
    },
  };

const wanted = process.env.CUBESHIFT_RECORD?.split(',') ?? [];
const isWanted = ([name]: readonly [string, unknown]) => wanted.includes('all') || wanted.includes(name);
const chosen = Object.entries(scenarios).filter(isWanted);
const chosenRamps = Object.entries(rampScenarios).filter(isWanted);

describe.each(chosen)('%s', (name, play) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const databases = await createDatabases(3000);
    const engine = await Engine.start({ ...databases, apart: ['worker-control', 'worker-bulk'] });
    try {
      await play(engine, databases, name);
      await save(serverOf(engine), name);
    } finally {
      await engine.stop();
      await databases.drop();
    }
  });
});

/** What is done to a cube, and whose history is kept; by scenario. */
const cubeScenarios: Readonly<
  Record<string, { readonly workflowId: string; readonly play: (stack: CubeStack) => Promise<unknown> }>
> = {
  'cube-deployed': { workflowId: 'deployment/saju-cube', play: (stack) => deployGood(stack) },
  'cube-taken-back': {
    workflowId: 'deployment/saju-cube',
    play: async (stack) => {
      stack.home.addRelease(fakeRelease('2.0', 'wrong'));
      expect(await stack.deploy('2.0')).toMatchObject({ status: 'taken_back' });
    },
  },
  'cube-rolled-back': {
    workflowId: 'rollback/saju-cube',
    play: async (stack) => {
      await deployGood(stack);
      await stack.rollBack({});
      expect(await stack.rollback()).toMatchObject({ status: 'completed' });
    },
  },
  'cube-rollback-escalated-then-acknowledged': {
    workflowId: 'rollback/saju-cube',
    play: async (stack) => {
      await deployGood(stack);
      stack.home.addRelease(fakeRelease('broken', 'does_not_start'));
      await stack.rollBack({ target_version: 'broken' });
      expect(await stack.rollback()).toMatchObject({ status: 'escalated' });
      await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback/acknowledge', { why: 'seen' });
      expect(await stack.rollback()).toMatchObject({ status: 'acknowledged' });
    },
  },
  'cube-rollback-worker-killed': {
    workflowId: 'rollback/saju-cube',
    play: async (stack) => {
      await deployGood(stack);
      await stack.rollBack({ watch_seconds: 5 });
      await stack.rollback(({ step }) => step === 'confirm_health');
      await stack.engine.kill('worker-control');
      stack.engine.startProgram('worker-control');
      expect(await stack.rollback()).toMatchObject({ status: 'completed' });
    },
  },
};

const chosenCubes = Object.entries(cubeScenarios).filter(isWanted);

describe.each(chosenCubes)('%s', (name, { workflowId, play }) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const stack = await CubeStack.start(fakeRelease(packageVersion()), { records: 0, apart: ['worker-control'] });
    try {
      await play(stack);
      await save(serverOf(stack.engine), name, workflowId);
    } finally {
      await stack.stop();
    }
  });
});

describe.each(chosenRamps)('%s', (name, play) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const databases = await createDatabases(1);
    const world = await startRampWorld();
    const engine = await Engine.start({
      ...databases,
      redisUrl: world.redisUrl,
      bulkWorkers: 0,
      apart: ['worker-control'],
    });
    try {
      await play(engine, world.gateway);
      await save(serverOf(engine), name, 'ramp/saju');
    } finally {
      await engine.stop();
      await world.stop();
      await databases.drop();
    }
  });
});

/** What is done to a run of the kind that tests add, which has the plan for items, and the items whose histories are kept. */
const itemScenarios: Readonly<
  Record<
    string,
    {
      readonly items: Readonly<Record<string, string>>;
      readonly play: (stack: NewKindStack, id: string) => Promise<unknown>;
    }
  >
> = {
  'items-completed': {
    // Moved; and one whose drawing is none.
    items: { 'item-moved': '5', 'item-unfit': '11' },
    play: async (stack, id) => {
      await stack.rest('start', 'talismans', '--id', id);
      await stack.rest('rejects', id, '--accept', '--by', 'recorder', '--why', 'foretold');
      expect(await stack.rest('complete', id)).toMatchObject({ status: 'completed' });
    },
  },
  'items-rolled-back': {
    items: {},
    play: async (stack, id) => {
      await stack.rest('start', 'talismans', '--id', id);
      expect(await stack.rest('rollback', id)).toMatchObject({ status: 'rolled_back' });
    },
  },
};

describe.each(Object.entries(itemScenarios).filter(isWanted))('%s', (name, { items, play }) => {
  test('is recorded', { timeout: 600_000 }, async () => {
    const stack = await NewKindStack.start(13);
    try {
      await play(stack, name);
      const { TEMPORAL_NAMESPACE: namespace } = stack.env;
      const server = { target: temporalTarget(readConfiguration(stack.env, temporalVariables)), namespace };
      await save(server, name, `talismans/${name}`);
      for (const [file, id] of Object.entries(items)) await save(server, file, `talismans/${name}/${id}`);
    } finally {
      await stack.stop();
    }
  });
});

describe.each(['files-passed'].filter((name) => isWanted([name, undefined])))('%s', (name) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const stack = await PaperworkStack.create();
    for (let id = 1; id <= 20; id++) await stack.addFile(id, `${id % 3}/file ${id}`, `content ${id}`);
    await stack.addResult(1, 1);
    // One whose file is not there.
    await stack.addRow(21, 'none', { size: 1 });
    const engine = await stack.startEngine('worker-bulk-1');
    try {
      expect(
        (
          await engine.call('POST', '/v1/migrations/paperwork-files', {
            id: name,
            options: { reject_limit_percent: 50 },
          })
        ).status,
      ).toBe(202);
      await rest(engine, name);
      // What users write after the copy is moved by the pass of the next verification.
      await stack.addFile(22, 'new', 'new content');
      stack.write('0/file 3', 'other content');
      await engine.steer(name, 'verify');
      const passed = () => stack.databases.cube.query('select from paperwork.files where id = 22');
      await until('the pass', async () => (await passed()).rowCount === 1);
      await complete(engine, name);
      await save(serverOf(engine), name, `paperwork-files/${name}`);
    } finally {
      await engine.stop();
      await stack.drop();
    }
  });
});

describe.each(['models-passed'].filter((name) => isWanted([name, undefined])))('%s', (name) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const stack = await AiStack.start();
    await fillModels(stack.databases.legacy, [modelNamed('tumour-forest')]);
    const worker = 'worker-bulk-1';
    const engine = await Engine.start({
      ...stack.databases,
      apart: ['worker-bulk'],
      environment: { [worker]: stack.variables },
    });
    try {
      expect((await engine.call('POST', '/v1/migrations/ai-models', { id: name })).status).toBe(202);
      await rest(engine, name);
      // A model that legacy has since is moved by the pass of the next verification, and compared.
      await fillModels(stack.databases.legacy, [modelNamed('tumour-forest'), modelNamed('friedman-boosting')]);
      await engine.steer(name, 'verify');
      const passed = () => stack.databases.cube.query("select from ai.model_versions where state = 'active'");
      await until('the pass', async () => (await passed()).rowCount === 2, 120_000);
      await complete(engine, name);
      await save(serverOf(engine), name, `ai-models/${name}`);
    } finally {
      await engine.stop();
      await stack.stop();
    }
  });
});

describe.each(['document-read', 'document-unreadable'].filter((name) => isWanted([name, undefined])))('%s', (name) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const stack = await DocumentsStack.start();
    const { folder } = stack.services;
    try {
      const id = await stack.upload('document', name === 'document-read' ? 'one\ftwo' : Buffer.from('00ff0080', 'hex'));
      // It is away when the document is read for the first time.
      await rename(folder, `${folder}.away`);
      await stack.request(id, 'text');
      await stack.reaches(id, 'text', 'waiting');
      await rename(`${folder}.away`, folder);
      await stack.reaches(id, 'text', name === 'document-read' ? 'done' : 'failed');
      await (await stack.plan(id, 'text')).result();
      const target = { address: inject('servers').temporalAddress };
      await save({ target, namespace: stack.worker.namespace }, name, `process/${id}/text`);
    } finally {
      await stack.stop();
    }
  });
});

describe.each(['crawl-done', 'crawl-stopped'].filter((name) => isWanted([name, undefined])))('%s', (name) => {
  test('is recorded', { timeout: 300_000 }, async () => {
    const stack = await CrawlerStack.start();
    try {
      await stack.worker().begin();
      const paths = Array.from({ length: 45 }, (_, place) => `/ko/${place}`);
      // Eight batches of a slow pace, or one that a pause ends.
      const id = await stack.insert({ paths, status: 'active', perMinute: name === 'crawl-done' ? 100_000 : 30 });
      await until('pages to be fetched', () => stack.pages(id).length > 3);
      if (name === 'crawl-stopped') await stack.caller.call('POST', `/jobs/${id}/pause`);
      await stack.caller.rest(id);
      const [run] = await stack.runs(id);
      expect(run?.outcome).toBe(name === 'crawl-done' ? 'done' : 'stopped');
      const target = { address: inject('servers').temporalAddress };
      const client = new Client({ connection: await Connection.connect(target), namespace: stack.namespace });
      const workflows = client.workflow.list({ query: "WorkflowType = 'crawlRun'" });
      for await (const { workflowId } of workflows) {
        await client.workflow.getHandle(workflowId).result();
        await save({ target, namespace: stack.namespace }, name, workflowId);
      }
    } finally {
      await stack.stop();
    }
  });
});

async function deployGood(stack: CubeStack): Promise<void> {
  stack.home.addRelease(fakeRelease('2.0'));
  expect(await stack.deploy('2.0')).toMatchObject({ status: 'done' });
}

function serverOf({ temporalAddress, namespace }: Engine) {
  return { target: { address: temporalAddress }, namespace };
}

/** Keeps the history of every execution of the run; those before a continue-as-new carry a number. */
async function save(
  { target, namespace }: { readonly target: ConnectionOptions; readonly namespace: string | undefined },
  name: string,
  workflowId = `saju-records/${name}`,
): Promise<void> {
  const connection = await Connection.connect(target);
  try {
    const { workflow } = new Client({ connection, ...(namespace === undefined ? {} : { namespace }) });
    await mkdir(historiesFolder(planVersion), { recursive: true });
    const runIds: string[] = [];
    let runId: string | null | undefined = (await workflow.getHandle(workflowId).describe()).runId;
    while (runId) {
      runIds.unshift(runId);
      const history: History = await workflow.getHandle(workflowId, runId).fetchHistory();
      runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    }
    expect(runIds.length).toBe(name === 'continued-as-new' ? 2 : 1);
    for (const [place, execution] of runIds.entries()) {
      const history = await workflow.getHandle(workflowId, execution).fetchHistory();
      const file = place === runIds.length - 1 ? name : `${name}-${place + 1}`;
      await writeFile(join(historiesFolder(planVersion), `${file}.json`), toText(history));
    }
  } finally {
    await connection.close();
  }
}

/** Slow enough that the run is met in the middle of its copy. */
async function startSlowly(engine: Engine, id: string): Promise<void> {
  await engine.startMigration(id, { rows_per_second: 500, batch_rows: 100 });
  await engine.waitFor(id, 'in the middle of its copy', ({ progress }) => progress.migrated > 0);
}

function rest(engine: Engine, id: string): Promise<MigrationView> {
  return engine.waitFor(id, 'at rest', ({ status, stage }) => status === 'waiting' && stage === 'verified');
}

async function complete(engine: Engine, id: string): Promise<void> {
  await rest(engine, id);
  await engine.complete(id);
  await ended(engine, id, 'completed');
}

async function ended(engine: Engine, id: string, status: MigrationView['status']): Promise<void> {
  await engine.waitFor(id, status, (view) => view.status === status);
}
