import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type pg from 'pg';
import { expect } from 'vitest';
import { layOutModels } from '../../legacy/ai-models/lay-out.js';
import { legacyModels } from '../../legacy/ai-models/manifest.js';
import { buildAiService } from '../../legacy/ai-service/app.js';
import { LoadedModels } from '../../legacy/ai-service/loaded-models.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import type { AiCubeOptions } from '../../src/services/ai/app.js';
import { statInside } from '../../src/storage/inside-folder.js';
import { startAiCubeHere } from './ai-cube-here.js';
import { createDatabases, type TestDatabases } from './databases.js';

/** The stand-in's AI service and the AI cube, over real databases, with the stand-in's models in legacy and none in the cube. */
export interface AiServices {
  readonly databases: TestDatabases;
  readonly urls: { readonly legacy: string; readonly cube: string };
  /** LEGACY_MODEL_DIR. */
  readonly folder: string;
  readonly storeFolder: string;
  readonly cube: FastifyInstance;
  /** Puts a model of legacy's into the cube, active, as the migration does; returns the id of its version. */
  move(name: string, changes?: { readonly state?: 'imported' | 'active'; readonly version?: string }): Promise<string>;
  /** Adds a row with a model of a test's own to legacy. */
  addModel(name: string, content: Buffer, version?: string): Promise<void>;
  activate(versionId: string): Promise<void>;
  close(): Promise<void>;
}

export async function startAiServices(
  models: Partial<AiCubeOptions['models']> = {},
  maxPendingBytes?: number,
): Promise<AiServices> {
  const databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
  const root = mkdtempSync(join(tmpdir(), 'ai-services-'));
  const folder = layOutModels(root);
  await databases.legacy.query('delete from ai_models');
  for (const { row } of legacyModels()) await insertRow(databases.legacy, { ...row });
  await databases.legacy.query(`select setval('ai_models_id_seq', (select max(id) from ai_models))`);
  const loaded = new LoadedModels({ folder, loadedBefore: () => undefined });
  const legacy = buildAiService(databases.legacy, loaded);
  const legacyUrl = await legacy.listen({ host: '127.0.0.1', port: 0 });

  const storeFolder = join(root, 'store');
  const {
    cube,
    url: cubeUrl,
    store,
    legacyFolder,
    close: closeCube,
  } = await startAiCubeHere({
    legacyUrl: databases.legacyUrl,
    cubeUrl: databases.cubeUrl,
    serviceUrl: legacyUrl,
    folder,
    storeFolder,
    models,
    maxPendingBytes,
  });

  const stored = async (path: string): Promise<string> => {
    const blob = await store.stage(createReadStream(join(folder, path)), 'test');
    await blob.keep();
    return blob.sha256;
  };
  const activate = async (id: string) => {
    await databases.cube.query(
      `with former as (update ai.model_versions set state = 'retired' where state = 'active'
           and model_id = (select model_id from ai.model_versions where id = $1))
       update ai.models set active_version_id = $1 where id = (select model_id from ai.model_versions where id = $1)`,
      [id],
    );
    await databases.cube.query(`update ai.model_versions set state = 'active' where id = $1`, [id]);
  };
  return {
    databases,
    urls: { legacy: legacyUrl, cube: cubeUrl },
    folder,
    storeFolder,
    cube,
    activate,
    async move(name, { state = 'active', version } = {}) {
      const found = await databases.legacy.query('select * from ai_models where name = $1', [name]);
      const [row] = found.rows;
      const sha256 = await stored(row.artifact_path);
      const files: Record<string, string> = {};
      const stats: Record<string, unknown> = {};
      for (const location of externalFiles[name] ?? []) {
        const path = join(dirname(row.artifact_path), location);
        files[location] = await stored(path);
        stats[location] = await statInside(legacyFolder, path);
      }
      await databases.cube.query('insert into ai.models (id, name) values ($1, $2) on conflict do nothing', [
        row.id,
        name,
      ]);
      const made = await databases.cube.query<{ id: string }>(
        `insert into ai.model_versions (model_id, version, form, sha256, source_sha256, files, file_stats, state, imported_at)
         values ($1, $2, 'float', $3, $3, $4, $5, 'imported', now()) returning id::text`,
        [row.id, version ?? row.version, sha256, files, stats],
      );
      const id = made.rows[0]?.id ?? expect.fail('no version');
      if (state === 'active') await activate(id);
      return id;
    },
    async addModel(name, content, version = '1') {
      const path = `${encodeURIComponent(name)}-${version}.onnx`;
      writeFileSync(join(folder, path), content);
      await insertRow(databases.legacy, {
        name,
        version,
        framework: 'onnx',
        artifact_path: path,
        sha256: sumOf(content),
      });
    },
    async close() {
      await Promise.all([legacy.close(), closeCube()]);
      await loaded.close();
      await databases.drop();
      rmSync(root, { recursive: true });
    },
  };
}

/** Files with weights that graphs of the stand-in refer to. */
const externalFiles: Readonly<Record<string, readonly string[]>> = {
  'digits-external': ['digits-external/layer-0.bin', 'digits-external/layer-1.bin'],
};

export interface HeldOutRow {
  readonly inputs: unknown;
  readonly label: unknown;
}

/** Held-out rows of a model of the stand-in. */
export function heldOutRows(services: AiServices, name: string): readonly HeldOutRow[] {
  const known = legacyModels().find(({ row }) => row.name === name) ?? expect.fail(`no model ${name}`);
  const text = readFileSync(join(services.folder, known.row.metrics?.test_set ?? ''), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as HeldOutRow);
}

async function insertRow(legacy: pg.Pool, row: Readonly<Record<string, unknown>>): Promise<void> {
  const values = Object.values(row).map((value) =>
    typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
  );
  const places = values.map((_, at) => `$${at + 1}`);
  await legacy.query(`insert into ai_models (${Object.keys(row).join(', ')}) values (${places.join(', ')})`, values);
}

function sumOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
