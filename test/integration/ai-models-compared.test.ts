import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { legacyModels } from '../../legacy/ai-models/manifest.js';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { AiStack } from '../support/ai-stack.js';
import { testSecret } from '../support/engine.js';
import { expectedModels, fillModels, modelNamed } from '../support/legacy-models.js';
import { ModelsRun } from '../support/models-run.js';
import { ServiceProcess } from '../support/service-process.js';

/** AI models between the stand-in's AI service and the AI cube, both over HTTP: every model of the committed list. */
const limit = 400_000;
let stack: AiStack;
let deps: ActivityDependencies;

beforeAll(async () => {
  stack = await AiStack.start();
  deps = stack.deps;
}, limit);
afterAll(() => stack?.stop(), limit);

interface RejectRow {
  readonly id: string;
  readonly reason: string;
  readonly detail: string;
}

test('each model of the list is active, or is rejected for the reason that the list names', {
  timeout: limit,
}, async () => {
  const run = await ModelsRun.start('all', deps);
  await run.copy();
  await run.moveItems();
  const rejects = await stack.databases.cube.query<RejectRow>(
    "select source_id::text as id, reason, detail from ledger.rejects where resolution = 'open'",
  );
  const active = await stack.databases.cube.query<{ id: number }>(
    "select models.id from ai.models join ai.model_versions as version on version.id = active_version_id where state = 'active'",
  );
  const outcomes = new Map([
    ...rejects.rows.map(({ id, reason }) => [Number(id), reason] as const),
    ...active.rows.map(({ id }) => [id, 'active'] as const),
  ]);
  const became = legacyModels().map(({ row }) => [row.name, outcomes.get(row.id) ?? 'nowhere']);
  const wanted = legacyModels().map(({ row }) => [row.name, expectedModels[row.name]?.outcome]);
  expect(Object.fromEntries(became)).toEqual(Object.fromEntries(wanted));
  expect(await int8Forms()).toEqual([
    { name: 'digits-reservoir', state: 'active', decision: 'activate' },
    { name: 'sensor-network', state: 'rejected', decision: 'accuracy_dropped' },
  ]);
  // An int8 step whose worker ended after its commit is done: its form is neither compared nor measured again.
  const faster = modelNamed('digits-reservoir').row.id;
  const before = await comparisonsOf(faster);
  await stack.databases.cube.query("update ledger.items set state = 'begun' where item_id = $1 and step = 'int8'", [
    faster,
  ]);
  expect(await run.makeStep(faster, 'int8')).toEqual({ kind: 'done' });
  expect(await comparisonsOf(faster)).toBe(before);
  expect((await int8Forms())[0]).toMatchObject({ name: 'digits-reservoir', state: 'active' });
  expect(await run.verify()).toBe(true);

  // Legacy's operators add held-out rows: another comparison, which has enough.
  const { row, larger } = modelNamed('undecided');
  await stack.databases.legacy.query('update ai_models set metrics = metrics || $1 where id = $2', [
    JSON.stringify(larger),
    row.id,
  ]);
  expect((await run.retry()).get(String(row.id))).toBe(expectedModels.undecided?.after?.outcome);
  const compared = await stack.databases.cube.query(
    "select comparison ->> 'decision' as decision, (comparison ->> 'n')::int as n from ai.comparisons where model_id = $1 order by id",
    [row.id],
  );
  expect(compared.rows).toEqual([
    { decision: 'evidence_missing', n: 150 },
    { decision: 'activate', n: 1500 },
  ]);
  expect(await run.verify()).toBe(true);
  expect(await run.rollBack()).toEqual([]);
});

test('a cube that is killed while it is compared makes no verdict, and the step is made again from its start', {
  timeout: limit,
}, async () => {
  const { row } = modelNamed('digits-reservoir');
  await fillModels(stack.databases.legacy, [modelNamed('digits-reservoir')]);
  const start = () =>
    ServiceProcess.start('ai', {
      ...stack.variables,
      LEGACY_DATABASE_URL: stack.databases.legacyUrl,
      CUBE_DATABASE_URL: stack.databases.cubeUrl,
      CUBE_JWT_SECRET: testSecret,
    });
  let cube = await start();
  const assets = { ...(deps.assets ?? expect.fail('no assets')), aiCubeUrl: async () => cube.url };
  const run = await ModelsRun.start('killed', { ...deps, assets });
  try {
    await run.copy();
    const before = (await comparisonsOf(row.id)) ?? 0;
    for (const step of ['validate', 'import']) expect(await run.makeStep(row.id, step)).toEqual({ kind: 'done' });
    const comparing = run.makeStep(row.id, 'compare').catch((error: unknown) => error);
    // It predicts by a process of its own.
    const children = () => readFileSync(`/proc/${cube.pid}/task/${cube.pid}/children`, 'utf8').trim();
    await expect.poll(children, { timeout: 60_000, interval: 20 }).not.toBe('');
    await cube.end('SIGKILL');
    expect(await comparing).toMatchObject({ type: 'upstream_unavailable', nonRetryable: false });
    const left = await stack.databases.cube.query(
      `select state, comparison, (select count(*)::int from ledger.rejects where migration_id = 'killed') as rejects from ai.model_versions`,
    );
    expect(left.rows).toEqual([{ state: 'imported', comparison: null, rejects: 0 }]);
    cube = await start();
    for (const step of ['compare', 'activate']) expect(await run.makeStep(row.id, step)).toEqual({ kind: 'done' });
    expect(await comparisonsOf(row.id)).toBe(before + 1);
    expect(await run.rollBack()).toEqual([]);
  } finally {
    await cube.end('SIGKILL');
  }
});

async function comparisonsOf(model: number) {
  const found = await stack.databases.cube.query('select from ai.comparisons where model_id = $1', [model]);
  return found.rowCount;
}

async function int8Forms() {
  const found = await stack.databases.cube.query(
    `select name, state, comparison ->> 'decision' as decision from ai.model_versions as version
       join ai.models on models.id = model_id where form = 'int8' order by name`,
  );
  return found.rows;
}
