import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { legacyModels } from '../../legacy/ai-models/manifest.js';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import type { CrashPoint } from '../../src/base/crash-points.js';
import { externalLocations } from '../../src/kinds/ai-models/artifact/external-data.js';
import { makeActive } from '../../src/kinds/ai-models/items/activate.js';
import { type Assets, createAssets, noAssets } from '../../src/kinds/assets.js';
import { inTransaction } from '../../src/postgres/connect.js';
import { type Databases, openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { activateVersion } from '../../src/postgres/models/activate-version.js';
import { listVersions, readModel } from '../../src/postgres/models/read-models.js';
import type { BlobStore } from '../../src/storage/blob-store.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectedModels, fillModels, insertModel, ModelFolders, modelNamed } from '../support/legacy-models.js';
import { modelCrashPoints } from '../support/model-crash-points.js';
import { ModelsRun } from '../support/models-run.js';
import { noS3 } from '../support/no-s3.js';
import { testModels } from '../support/onnx-graph.js';
import { mayMount, SmallDisk, withSmallTemporaryDisk } from '../support/small-disk.js';

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
    LEGACY_STORAGE_DIR: '',
    ...noS3,
    CUBE_STORAGE_URL: folders.store,
    LEGACY_AI_URL: '',
    AI_CUBE_PROCESS_MIB: 512,
  };
  deps = {
    databases: opened,
    worker: 'test/0',
    reach: () => undefined,
    assets: createAssets(settings, { token: () => '', aiCubeUrl: async () => '' }),
  };
});
afterEach(async () => {
  folders.remove();
  // Of a test that failed nothing is left to the next.
  await databases.cube.query(`update ledger.migrations set status = 'cancelled', finished_at = now() where finished_at is null;
    truncate ai.models, ai.model_versions, ai.activations, ai.smoke_predictions, storage.blobs, storage.intended, storage.checks, ledger.items, ledger.batches`);
});

const start = () => ModelsRun.start(`models-${++runs}`, deps);
const stored = () =>
  (existsSync(folders.store) ? readdirSync(folders.store, { recursive: true, withFileTypes: true }) : [])
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
const canMount = mayMount();
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

  test('a damaged, a missing and an altered artifact are found, and mended from legacy', async () => {
    await fillModels(databases.legacy, [
      modelNamed('sound'),
      modelNamed('digits-external'),
      modelNamed('tumour-forest'),
    ]);
    const run = await moved();
    expect(await run.verify()).toBe(true);
    const [sound, external, forest] = [sumOf('sound'), sumOf('digits-external'), sumOf('tumour-forest')];
    const [layer] = stored().filter((name) => ![sound, external, forest].includes(name));
    damage(sound);
    damage(layer ?? '');
    rmSync(fileOf(forest));
    expect(await run.verify()).toBe(false);
    expect(await run.mismatches()).toEqual([
      ...['active_version', 'artifact'].map((field) => `${idOf('digits-external')} ${field}`),
      ...['active_version', 'artifact'].map((field) => `${idOf('tumour-forest')} ${field}`),
      ...['active_version', 'artifact'].map((field) => `${idOf('sound')} ${field}`),
    ]);
    expect(new Set((await run.repair(withoutComparison)).values())).toEqual(new Set(['active']));
    expect(await run.verify()).toBe(true);
    await takenBack(run);
  });

  test.each([
    ["update ai.model_versions set sha256 = repeat('f', 64)", ['active_version', 'artifact', 'sha256']],
    ["update ai.model_versions set source_sha256 = repeat('f', 64)", ['source_sha256']],
    ["update ai.model_versions set version = '9'", ['version']],
    ["update ai.model_versions set input_schema = '[]'", ['input_schema']],
    ['update ai.model_versions set metrics = null', ['metrics']],
    ['update ai.model_versions set framework = null', ['framework']],
    ["update ai.model_versions set state = 'retired'", ['active_version']],
    ['update ai.models set active_version_id = null', ['active_version']],
    ["update ai.models set name = 'another'", ['name']],
    ["update ai.models set created_at = created_at + interval '1 us'", ['created_at']],
    ['delete from storage.blobs', ['artifact']],
    [
      'delete from ai.model_versions',
      ['active_version', 'framework', 'input_schema', 'metrics', 'sha256', 'source_sha256', 'version'],
    ],
    ['delete from ai.models', ['missing row']],
  ])('`%s` is found and mended', async (statement, fields) => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await moved();
    await databases.cube.query(statement);
    expect(await run.verify()).toBe(false);
    expect(await run.mismatches()).toEqual(fields.map((field) => `${idOf('sound')} ${field}`));
    await run.repair(withoutComparison);
    expect(await run.verify()).toBe(true);
    await takenBack(run);
  });

  test('damage in a version that legacy has replaced is mended: the version leaves, and its file with it', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await moved();
    await replaceInLegacy();
    expect(await run.verify()).toBe(false);
    await run.repair(withoutComparison);
    expect(await run.verify()).toBe(true);
    damage(sumOf('sound'));
    expect(await run.verify()).toBe(false);
    expect(await run.mismatches()).toEqual([`${idOf('sound')} artifact`]);
    await run.repair(withoutComparison);
    expect(await run.verify()).toBe(true);
    expect(await counts()).toMatchObject({ versions: 1, blobs: 1, intended: 0 });
    expect(stored()).toEqual([sumOf('tumour-forest')]);
    await takenBack(run);
  });

  test('what a killed attempt stored of a file that legacy replaced then leaves the store', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await start();
    await run.copy();
    const keeping: Assets = { ...(deps.assets ?? expect.fail('no assets')) };
    const killed = {
      ...deps,
      assets: {
        ...keeping,
        // A killed worker discards nothing.
        store: () => {
          const store = keeping.store();
          return {
            ...store,
            stage: async (content: AsyncIterable<Buffer>, owner: string) => ({
              ...(await store.stage(content, owner)),
              discard: async () => undefined,
            }),
          };
        },
      },
      reach: (reached: CrashPoint) => {
        if (reached === 'after-artifact-stored') throw new Error('ended here');
      },
    };
    await expect(run.with(killed).makeStep(idOf('sound'), 'import')).rejects.toThrow();
    expect(stored()).toEqual([sumOf('sound')]);
    await replaceInLegacy();
    await run.makeStep(idOf('sound'), 'import');
    expect(stored()).toEqual([sumOf('tumour-forest')]);
    expect(await counts()).toMatchObject({ blobs: 1, intended: 0 });
    await takenBack(run);
  });

  test('a version that a person activates while the verification compares was not predicted, and is named', async () => {
    await fillModels(databases.legacy, [modelNamed('sound'), modelNamed('tumour-forest')]);
    const run = await start();
    await run.copy();
    await databases.cube.query(
      `insert into ai.model_versions (model_id, version, form, sha256, source_sha256, state, comparison)
       values ($1, '0.9.0', 'float', $2, $2, 'retired', '{"decision":"activate"}')`,
      [idOf('sound'), sumOf('tumour-forest')],
    );
    await run.moveItems(withoutComparison);
    expect(await run.verify()).toBe(true);
    const older = String(await idOfVersion('0.9.0'));
    const activating: Databases = {
      ...opened,
      // Legacy is read once every active version has predicted.
      legacy: new Proxy(opened.legacy, {
        get: (pool, name) => {
          if (name !== 'connect') return Reflect.get(pool, name, pool);
          return async () => {
            await inTransaction(databases.cube, (client) => activateVersion(client, 'sound', older));
            return pool.connect();
          };
        },
      }),
    };
    expect(await run.with({ ...deps, databases: activating }).verify()).toBe(false);
    const found = await databases.cube.query(
      'select field, target_value from ledger.mismatches where verification_id = (select max(id) from ledger.verifications)',
    );
    expect(found.rows).toEqual([{ field: 'active_version', target_value: 'not predicted' }]);
    expect(await run.verify()).toBe(true);
    await databases.cube.query("delete from ai.model_versions where version = '0.9.0'");
    await takenBack(run);
  });

  test('a model that legacy replaces is another version, and a rollback takes both back', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await moved();
    await replaceInLegacy();
    expect(await run.verify()).toBe(false);
    await run.pass(withoutComparison);
    expect(await run.verify()).toBe(true);
    const versions = await databases.cube.query(
      'select version, state, id = (select active_version_id from ai.models) as active from ai.model_versions order by id',
    );
    expect(versions.rows).toEqual([
      { version: modelNamed('sound').row.version, state: 'retired', active: false },
      { version: '2.0.0', state: 'active', active: true },
    ]);
    expect((await readModel(databases.cube, 'sound')).former_version_id).toBe(await idOfVersion('1.0.0'));
    await takenBack(run);
  });

  test('what a completed run handed over stays: a later run is refused, and one that finds it unchanged leaves it', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const first = await moved();
    await first.moveItems(['int8']);
    // The comparison asks two services: here it is on record as made.
    await databases.cube.query(`insert into ledger.items (kind, table_name, item_id, step, place, migration_id, state, token)
      select kind, table_name, item_id, 'compare', 3, migration_id, state, token from ledger.items where step = 'import'`);
    expect(await first.verify()).toBe(true);
    await first.complete();
    const version = async () =>
      (await databases.cube.query('select id, state, imported_by, file_stats from ai.model_versions')).rows;
    const handedOver = await version();
    expect(handedOver).toMatchObject([{ state: 'active' }]);

    const refused = await start();
    await expect(refused.preflight()).rejects.toMatchObject({ type: 'target_occupied' });
    await expect(refused.makeStep(idOf('sound'), 'import')).rejects.toMatchObject({ type: 'claim_lost' });
    expect(await refused.rollBack()).toEqual([]);
    expect(await version()).toEqual(handedOver);

    // A person deletes the row: the next run moves the model again, and finds its version unchanged.
    await databases.cube.query('delete from ai.models');
    const later = await start();
    await later.preflight();
    await later.copy();
    await later.moveItems(withoutComparison);
    expect(await version()).toEqual(handedOver);
    expect(await later.rollBack()).toEqual([]);
    expect(await version()).toEqual(handedOver);
    expect(stored()).toEqual([sumOf('sound')]);
    expect(await counts()).toEqual({ ...nothing, versions: 1, blobs: 1 });
  });

  test('a pass moves what legacy changed, and leaves what only the cube changed to a repair', async () => {
    await fillModels(databases.legacy, [modelNamed('sound'), modelNamed('tumour-forest')]);
    const run = await moved();
    await run.pass(withoutComparison);
    expect(await run.verify()).toBe(true);
    damage(sumOf('sound'));
    await databases.legacy.query("delete from ai_models where name = 'tumour-forest'");
    await run.pass(withoutComparison);
    expect(await run.verify()).toBe(false);
    expect(await run.mismatches()).toEqual([`${idOf('sound')} active_version`, `${idOf('sound')} artifact`]);
    await run.repair(withoutComparison);
    expect(await run.verify()).toBe(true);
    await takenBack(run);
  });

  test('a rollback brings back what was active before, and leaves what something else refers to', async () => {
    await fillModels(databases.legacy, [modelNamed('sound'), modelNamed('tumour-forest')]);
    const run = await start();
    await run.copy();
    // Of no run: what a person, or an earlier version of the engine, put there.
    await databases.cube.query(
      `insert into ai.model_versions (model_id, version, form, sha256, source_sha256, state)
       select id, '0.9.0', 'float', $2, $2, 'active' from ai.models where name = $1`,
      ['sound', sumOf('tumour-forest')],
    );
    await databases.cube.query(
      "update ai.models set active_version_id = (select max(id) from ai.model_versions) where name = 'sound'",
    );
    await run.moveItems(withoutComparison);
    await run.undoItem(idOf('sound'));
    await run.undoItem(idOf('tumour-forest'));
    const left = await databases.cube.query(
      'select version, state, id = (select max(active_version_id) from ai.models) as active from ai.model_versions',
    );
    expect(left.rows).toEqual([{ version: '0.9.0', state: 'active', active: true }]);
    expect(stored()).toEqual([sumOf('tumour-forest')]);
    await databases.cube.query('delete from ai.model_versions');
    await databases.cube.query('delete from storage.blobs');
    rmSync(fileOf(sumOf('tumour-forest')));
    await takenBack(run);
  });

  test('a rollback brings back what was active before a float form and its int8 form, however often they became active', async () => {
    await fillModels(databases.legacy, [modelNamed('digits-reservoir')]);
    const id = idOf('digits-reservoir');
    const run = await start();
    await run.copy();
    await databases.cube.query(
      `insert into ai.model_versions (model_id, version, form, sha256, source_sha256, state)
       values ($1, '0.9.0', 'float', repeat('f', 64), repeat('f', 64), 'active')`,
      [id],
    );
    await databases.cube.query('update ai.models set active_version_id = (select max(id) from ai.model_versions)');
    await run.moveItems(withoutComparison);
    // It imports the int8 form, which no service is there to compare.
    await expect(run.makeStep(id, 'int8')).rejects.toThrow();
    const versions = await databases.cube.query<{ id: string }>('select id::text from ai.model_versions order by id');
    const [before, float, int8] = versions.rows.map((row) => row.id);
    for (const version of [int8, float, int8, float, int8])
      await inTransaction(databases.cube, (client) => makeActive(client, String(id), version ?? ''));
    await run.undoItem(id);
    const left = await databases.cube.query(
      'select id::text, state, id = (select active_version_id from ai.models) as active from ai.model_versions',
    );
    expect(left.rows).toEqual([{ id: before, state: 'active', active: true }]);
    expect((await readModel(databases.cube, 'digits-reservoir')).former_version_id).toBeNull();
    await databases.cube.query('delete from ai.model_versions');
    await takenBack(run);
  });

  test('a rollback brings back what was active before, though a person activated an older version meanwhile', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await start();
    await run.copy();
    const passed = JSON.stringify({ decision: 'activate' });
    const add = async (version: string, state: string) =>
      databases.cube.query(
        `insert into ai.model_versions (model_id, version, form, sha256, source_sha256, state, comparison)
         values ($1, $2, 'float', repeat('f', 64), repeat('f', 64), $3, $4)`,
        [idOf('sound'), version, state, passed],
      );
    await add('0.8.0', 'retired');
    await add('0.9.0', 'active');
    await databases.cube.query('update ai.models set active_version_id = (select max(id) from ai.model_versions)');
    await run.moveItems(withoutComparison);
    await databases.cube.query('update ai.model_versions set comparison = $1', [passed]);
    const activate = async (version: string) =>
      inTransaction(databases.cube, async (client) =>
        activateVersion(client, 'sound', String(await idOfVersion(version))),
      );
    const moved = modelNamed('sound').row.version ?? '';
    for (const version of ['0.8.0', moved, '0.8.0', '0.9.0', moved]) await activate(version);
    await run.undoItem(idOf('sound'));
    const left = await databases.cube.query('select version, state from ai.model_versions order by id');
    expect(left.rows).toEqual([
      { version: '0.8.0', state: 'retired' },
      { version: '0.9.0', state: 'active' },
    ]);
    expect((await readModel(databases.cube, 'sound')).former_version_id).toBe(await idOfVersion('0.8.0'));
    await databases.cube.query('delete from ai.model_versions');
    await takenBack(run);
  });

  test('while the folder of models or the store is away no model is rejected, and the step is tried again', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await start();
    await run.copy();
    renameSync(folders.models, `${folders.models}.away`);
    await expect(run.copy()).rejects.toMatchObject({ type: 'legacy_files_unreachable', nonRetryable: false });
    await expect(run.moveItems()).rejects.toMatchObject({ type: 'legacy_files_unreachable', nonRetryable: false });
    // The share is not mounted.
    mkdirSync(folders.models);
    await expect(run.moveItems()).rejects.toMatchObject({ type: 'legacy_files_unreachable', nonRetryable: false });
    rmdirSync(folders.models);
    renameSync(`${folders.models}.away`, folders.models);
    writeFileSync(folders.store, 'no folder');
    await expect(run.moveItems()).rejects.toMatchObject({ type: 'storage_unreachable', nonRetryable: false });
    rmSync(folders.store);
    expect(new Set((await run.moveItems(withoutComparison)).values())).toEqual(new Set(['active']));
    await takenBack(run);
  });

  test('a folder that holds none of the files that models name is waited for, and no model is rejected', async () => {
    const { row } = modelNamed('sound');
    await fillModels(
      databases.legacy,
      [1, 2, 3, 4, 5].map((id) => modelNamed('sound', { id, name: `${row.name} ${id}` })),
    );
    const run = await start();
    const waits = {
      type: 'legacy_files_unreachable',
      nonRetryable: false,
      message: expect.stringContaining('holds none of the files that 5 rows of ai_models name'),
    };
    const away = `${folders.models}.away`;
    const exchange = () => {
      renameSync(folders.models, away);
      mkdirSync(folders.models);
      writeFileSync(join(folders.models, 'another.onnx'), 'another');
    };
    const putBack = () => {
      rmSync(folders.models, { recursive: true });
      renameSync(away, folders.models);
    };
    exchange();
    await expect(run.copy()).rejects.toMatchObject(waits);
    expect(await counts()).toEqual(nothing);
    putBack();
    expect(await run.copy()).toEqual({ migrated: 5, rejected: 0 });
    exchange();
    await expect(run.moveItems(withoutComparison)).rejects.toMatchObject(waits);
    putBack();
    expect(new Set((await run.moveItems(withoutComparison)).values())).toEqual(new Set(['active']));
    await takenBack(run);
  });

  test.each([
    ['256 rows', testModels.widens(2 ** 19, true)],
    ['4096 rows', testModels.widens(2 ** 15, false)],
  ])(
    'a model that the cube cannot compute %s of within its limits is rejected, though it computes one',
    async (count, content) => {
      const row = {
        ...modelNamed('sound').row,
        artifact_path: 'widens.onnx',
        sha256: createHash('sha256').update(content).digest('hex'),
        metrics: null,
      };
      writeFileSync(join(folders.models, 'widens.onnx'), content);
      await fillModels(databases.legacy, []);
      await insertModel(databases.legacy, { ...row, input_schema: [{ name: 'x', type: 'float32', shape: [null, 1] }] });
      const assets = deps.assets ?? expect.fail('no assets');
      const limited = {
        ...assets,
        modelLimits: () => ({ ...assets.modelLimits(), maxResidentBytes: 300 * 1024 ** 2 }),
      };
      const run = await ModelsRun.start(`models-${++runs}`, { ...deps, assets: limited });
      await run.copy();
      expect(await run.moveItems(withoutComparison)).toEqual(new Map([[String(row.id), 'memory_exceeded']]));
      const rejects = await databases.cube.query('select detail from ledger.rejects where migration_id = $1', [run.id]);
      expect(rejects.rows[0]?.detail).toContain(count);
      // With more memory it is moved.
      const roomy = { ...assets, modelLimits: () => ({ ...assets.modelLimits(), maxResidentBytes: 2 * 1024 ** 3 }) };
      expect(await run.with({ ...deps, assets: roomy }).retry(withoutComparison)).toEqual(
        new Map([[String(row.id), 'active']]),
      );
      await takenBack(run);
    },
  );

  test('an int8 form that cannot be imported is in the evidence and among the versions, with the reason', async () => {
    await fillModels(databases.legacy, [modelNamed('digits-reservoir')]);
    await databases.legacy.query(
      `update ai_models set metrics = jsonb_set(metrics, '{int8,sha256}', to_jsonb(repeat('0', 64)))`,
    );
    const run = await moved();
    const id = idOf('digits-reservoir');
    expect(await run.makeStep(id, 'int8')).toEqual({ kind: 'done' });
    expect(await run.verify()).toBe(true);
    const found = await databases.cube.query('select evidence from ledger.verifications order by id desc limit 1');
    expect(found.rows[0]?.evidence).toMatchObject({
      forms_not_imported: [
        { model_id: id, form: 'int8', why: expect.stringMatching(/^checksum_mismatch: the file has/) },
      ],
    });
    const versions = await listVersions(databases.cube, id, null, 10);
    expect(versions.map(({ form, state }) => [form, state])).toEqual([
      ['float', 'active'],
      ['int8', 'rejected'],
    ]);
    expect(versions[1]).toMatchObject({ id: null, reason: expect.stringMatching(/^checksum_mismatch: the file has/) });
    await takenBack(run);
  });

  test('a worker whose variables name no folder says which', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await ModelsRun.start(`models-${++runs}`, { ...deps, assets: noAssets });
    await expect(run.copy()).rejects.toMatchObject({
      type: 'configuration_invalid',
      message: expect.stringContaining('LEGACY_MODEL_DIR is not set'),
      nonRetryable: true,
    });
    await takenBack(run.with(deps));
  });

  test.each(modelCrashPoints)(
    'a step that ends at %s is finished by the next attempt, or undone with nothing left',
    async (point) => {
      await fillModels(databases.legacy, [modelNamed('digits-external')]);
      const ending = {
        ...deps,
        reach: (reached: CrashPoint) => {
          if (reached === point) throw new Error('ended here');
        },
      };
      const run = await start();
      await run.copy();
      await expect(run.with(ending).moveItems(withoutComparison)).rejects.toThrow();
      expect(new Set((await run.moveItems(withoutComparison)).values())).toEqual(new Set(['active']));
      expect(await run.verify()).toBe(true);
      await takenBack(run);

      const another = await start();
      await another.copy();
      await expect(another.with(ending).moveItems(withoutComparison)).rejects.toThrow();
      await takenBack(another);
    },
  );

  test('data outside the folder is the reason, whatever is wrong with data that the graph names before', async () => {
    await fillModels(databases.legacy, [modelNamed('digits-external')]);
    const graph = join(folders.models, modelNamed('digits-external').row.artifact_path ?? '');
    const [first = '', second = ''] = externalLocations(graph) ?? [];
    rmSync(join(dirname(graph), first));
    rmSync(join(dirname(graph), second));
    symlinkSync(join(folders.models, '..', 'nowhere'), join(dirname(graph), second));
    const run = await start();
    await run.copy();
    expect([...(await run.moveItems(withoutComparison)).values()]).toEqual(['path_outside']);
    await takenBack(run);
  });

  test('a file that changes at each reading is rejected, the others go on, and it moves once nothing writes to it', async () => {
    await fillModels(databases.legacy, [modelNamed('sound'), modelNamed('tumour-forest')]);
    const run = await start();
    await run.copy();
    const assets = deps.assets ?? expect.fail('no assets');
    const file = join(folders.models, modelNamed('sound').row.artifact_path ?? '');
    let readings = 0;
    const touched: Assets = {
      ...assets,
      store: () => {
        const store = assets.store();
        return {
          ...store,
          stage: async (content, owner) => {
            const staged = await store.stage(content, owner);
            if (owner.startsWith(`ai-models/${idOf('sound')}/`))
              utimesSync(file, new Date(), new Date(++readings * 1000));
            return staged;
          },
        };
      },
    };
    const outcomes = await run.with({ ...deps, assets: touched }).moveItems(withoutComparison);
    expect(Object.fromEntries(outcomes)).toEqual({
      [idOf('sound')]: 'artifact_changing',
      [idOf('tumour-forest')]: 'active',
    });
    expect(readings).toBe(3);
    expect(stored()).toEqual([sumOf('tumour-forest')]);
    expect(await counts()).toMatchObject({ models: 1, versions: 1, intended: 0 });
    expect([...(await run.retry(withoutComparison)).values()]).toContain('active');
    expect(await counts()).toMatchObject({ models: 2, versions: 2, intended: 0 });
    expect(await run.verify()).toBe(true);
    await takenBack(run);
  });

  test('a row that the cube database refuses is rejected with its state and constraint, and the others go on', async () => {
    await fillModels(databases.legacy, [modelNamed('sound'), modelNamed('tumour-forest')]);
    await databases.cube.query("alter table ai.models add constraint no_sound check (name <> 'sound')");
    try {
      const run = await start();
      await run.copy();
      expect(Object.fromEntries(await run.moveItems(withoutComparison))).toEqual({ [idOf('tumour-forest')]: 'active' });
      const rejects = await databases.cube.query(
        'select source_id::text as id, reason, detail from ledger.rejects where migration_id = $1',
        [run.id],
      );
      expect(rejects.rows).toEqual([
        { id: String(idOf('sound')), reason: 'refused_by_target', detail: expect.stringMatching(/23514.*no_sound/) },
      ]);
      expect(await run.verify()).toBe(true);
      await takenBack(run);
    } finally {
      await databases.cube.query('alter table ai.models drop constraint no_sound');
    }
  });

  test('a detail that quotes a very long name is short in the histories of plans, and longer with the reject', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const name = 'n'.repeat(100_000);
    await databases.legacy.query('update ai_models set input_schema = $1', [
      JSON.stringify([{ name, type: 'float32', shape: [null, 12] }]),
    ]);
    const run = await start();
    await run.copy();
    const outcome = await run.makeStep(idOf('sound'), 'validate');
    expect(outcome).toMatchObject({ kind: 'unfit', reason: 'schema_mismatch' });
    expect(JSON.stringify(outcome).length).toBeLessThan(300);
    expect([...(await run.moveItems(withoutComparison)).values()]).toEqual(['schema_mismatch']);
    const rejects = await databases.cube.query<{ detail: string }>(
      'select detail from ledger.rejects where migration_id = $1',
      [run.id],
    );
    expect(rejects.rows[0]?.detail).toMatch(/^The graph has no input n{5000,9990}…$/);
    await takenBack(run);
  });

  test('of two attempts at one import, one stores the version', async () => {
    await fillModels(databases.legacy, [modelNamed('digits-external')]);
    const run = await start();
    await run.copy();
    const id = idOf('digits-external');
    const ends = await Promise.allSettled([run.makeStep(id, 'import'), run.makeStep(id, 'import')]);
    expect(ends.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    expect(await counts()).toMatchObject({ models: 1, versions: 1, blobs: 3, intended: 0 });
    expect(stored()).toHaveLength(3);
    await takenBack(run);
  });

  test('an undo that was frozen and wakes up while the next import works leaves what that one has', async () => {
    await fillModels(databases.legacy, [modelNamed('digits-external')]);
    const id = idOf('digits-external');
    const run = await start();
    await run.copy();
    await run.makeStep(id, 'import');
    const assets = deps.assets ?? expect.fail('no assets');
    const withStore = (changed: (store: BlobStore) => Partial<BlobStore>) => ({
      ...deps,
      assets: { ...assets, store: () => ({ ...assets.store(), ...changed(assets.store()) }) },
    });
    let wake: () => void = () => undefined;
    const frozen = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const freezing = withStore((store) => ({ discardOf: (owner) => frozen.then(() => store.discardOf(owner)) }));
    const undone = run
      .with(freezing)
      .undoItem(id)
      .catch((error: Error) => error);
    await until('the undo to have committed', async () => (await counts()).versions === 0);
    const waking = withStore((store) => ({
      stage: async (content, owner) => {
        const staged = await store.stage(content, owner);
        const keep = async () => {
          wake();
          await undone;
          await staged.keep();
        };
        return { ...staged, keep };
      },
    }));
    expect(await run.with(waking).makeStep(id, 'import')).toEqual({ kind: 'done' });
    expect(stored()).toHaveLength(3);
    await takenBack(run);
  });

  test('a worker that stores a file after its import was undone leaves none', async () => {
    await fillModels(databases.legacy, [modelNamed('sound')]);
    const run = await start();
    await run.copy();
    const assets = deps.assets ?? expect.fail('no assets');
    const frozen: Assets = {
      ...assets,
      store: () => {
        const store = assets.store();
        return {
          ...store,
          // Meanwhile another attempt undoes the item; it finds what this one had staged, which is kept from it here.
          stage: async (content, owner) => {
            const staged = await store.stage(content, `${owner}/frozen`);
            const keep = async () => {
              await run.undoItem(idOf('sound'));
              await staged.keep();
            };
            return { ...staged, keep };
          },
        };
      },
    };
    await expect(run.with({ ...deps, assets: frozen }).makeStep(idOf('sound'), 'import')).rejects.toMatchObject({
      type: 'claim_lost',
    });
    expect(await counts()).toMatchObject({ versions: 0, blobs: 0, intended: 0 });
    expect(stored()).toEqual([]);
    await takenBack(run);
  });

  test.skipIf(!canMount)(
    'a store without room is waited for, and holds nothing of what did not fit (needs root)',
    async () => {
      await fillModels(databases.legacy, [modelNamed('digits-reservoir')]);
      const run = await start();
      await run.copy();
      mkdirSync(folders.store);
      const disk = SmallDisk.mount(folders.store);
      try {
        await expect(run.makeStep(idOf('digits-reservoir'), 'import')).rejects.toMatchObject({
          type: 'disk_full',
          nonRetryable: false,
        });
        expect(stored()).toEqual([]);
        disk.grow();
        expect(await run.makeStep(idOf('digits-reservoir'), 'import')).toEqual({ kind: 'done' });
        await takenBack(run);
      } finally {
        disk.unmount();
      }
    },
  );

  test.skipIf(!canMount)('a full disk of temporary files is named, and waited for (needs root)', async () => {
    await fillModels(databases.legacy, [modelNamed('digits-reservoir')]);
    const run = await start();
    await run.copy();
    await withSmallTemporaryDisk(async (disk) => {
      await expect(run.makeStep(idOf('digits-reservoir'), 'validate')).rejects.toMatchObject({
        type: 'disk_full',
        message: expect.stringContaining('the folder for temporary files'),
        nonRetryable: false,
      });
      disk.grow();
      expect(await run.makeStep(idOf('digits-reservoir'), 'validate')).toEqual({ kind: 'done' });
    });
    await takenBack(run);
  });
});

async function moved(): Promise<ModelsRun> {
  const run = await start();
  await run.copy();
  expect(new Set((await run.moveItems(withoutComparison)).values())).toEqual(new Set(['active']));
  return run;
}

/** Rolled back, nothing is left of the run, in the database and in the store. */
async function takenBack(run: ModelsRun): Promise<void> {
  expect(await run.rollBack()).toEqual([]);
  expect(await counts()).toEqual(nothing);
  expect(stored()).toEqual([]);
}

/** Legacy's only model is another file from now on. */
async function replaceInLegacy(): Promise<void> {
  const { sha256, artifact_path, input_schema, metrics } = modelNamed('tumour-forest').row;
  await databases.legacy.query(
    'update ai_models set version = $1, sha256 = $2, artifact_path = $3, input_schema = $4, metrics = $5',
    ['2.0.0', sha256, artifact_path, JSON.stringify(input_schema), JSON.stringify(metrics)],
  );
}

async function idOfVersion(version: string): Promise<number> {
  const found = await databases.cube.query<{ id: number }>(
    'select id::float8 as id from ai.model_versions where version = $1',
    [version],
  );
  return found.rows[0]?.id ?? expect.fail(`no version ${version}`);
}

function idOf(name: string): number {
  return modelNamed(name).row.id;
}

function sumOf(name: string): string {
  return modelNamed(name).row.sha256 ?? '';
}

function fileOf(sha256: string): string {
  return join(folders.store, sha256.slice(0, 2), sha256);
}

/** A byte in the middle is another. */
function damage(sha256: string): void {
  const bytes = readFileSync(fileOf(sha256));
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(fileOf(sha256), bytes);
}
