import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { legacyModels } from '../../legacy/ai-models/manifest.js';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createAssets } from '../../src/kinds/assets.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectedModels, fillModels, ModelFolders } from '../support/legacy-models.js';
import { ModelsRun } from '../support/models-run.js';

/** AI models on real databases, real files and real models: all but the comparison, which asks two services. */
let databases: TestDatabases;
let opened: Databases;
let folders: ModelFolders;
let deps: ActivityDependencies;
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
  opened = openDatabases(databases, 'test', 10);
});
afterAll(async () => {
  await opened.close();
  await databases.drop();
});
beforeEach(() => {
  folders = ModelFolders.create();
  const settings = {
    LEGACY_MODEL_DIR: folders.models,
    CUBE_STORAGE_URL: folders.store,
    LEGACY_AI_URL: '',
    AI_CUBE_URL: '',
  };
  deps = { databases: opened, worker: 'test/0', reach: () => undefined, assets: createAssets(settings, () => '') };
});
afterEach(() => folders.remove());

const start = () => ModelsRun.start(`models-${++runs}`, deps);
const stored = () =>
  readdirSync(folders.store, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
const counts = async () => {
  const found = await databases.cube.query(`
    select (select count(*) from ai.models)::int as models, (select count(*) from ai.model_versions)::int as versions,
           (select count(*) from storage.blobs)::int as blobs, (select count(*) from storage.intended)::int as intended`);
  return found.rows[0];
};
const nothing = { models: 0, versions: 0, blobs: 0, intended: 0 };
const withoutComparison = ['validate', 'import', 'activate'];

const found = ['output_not_finite', 'evidence_missing', 'accuracy_dropped', 'agreement_low'];

describe('without the comparison', () => {
  test('each model of the list is fit, or is rejected for the reason that the list names', {
    timeout: 300_000,
  }, async () => {
    await fillModels(databases.legacy);
    const run = await start();
    await run.copy();
    const outcomes = await run.moveItems(withoutComparison);
    const rejects = await databases.cube.query<{ id: string; reason: string }>(
      "select source_id::text as id, reason from ledger.rejects where migration_id = $1 and resolution = 'open'",
      [run.id],
    );
    const reasons = new Map(rejects.rows.map(({ id, reason }) => [id, reason]));
    const became = legacyModels().map(({ row }) => {
      const outcome = reasons.get(String(row.id)) ?? outcomes.get(String(row.id)) ?? 'nowhere';
      return [row.name, outcome] as const;
    });
    const wanted = legacyModels().map(({ row }) => {
      const { outcome = 'none' } = expectedModels[row.name] ?? {};
      // These show in the comparison alone.
      const isFound = found.includes(outcome) && row.name !== 'answers-not-a-number';
      return [row.name, isFound ? 'active' : outcome] as const;
    });
    expect(Object.fromEntries(became)).toEqual(Object.fromEntries(wanted));
    expect(await run.verify()).toBe(true);
    expect(await run.rollBack()).toEqual([]);
    expect(await counts()).toEqual(nothing);
    expect(stored()).toEqual([]);
  });
});
