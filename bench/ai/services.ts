import { createReadStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { layOutModels } from '../../legacy/ai-models/lay-out.js';
import { type LegacyModel, legacyModels } from '../../legacy/ai-models/manifest.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import { readTestSet, type TestRow } from '../../src/domain/models/test-set.js';
import { choosePort } from '../../src/state/ports.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { Peer } from '../gateway/peers.js';
import { type Lab, type Source, type Target, withClient } from '../lab.js';

const cubeSecret = 'a secret of cubes for measuring, 32 bytes';

/** A model that both services predict with. */
export interface MeasuredModel {
  readonly model: LegacyModel;
  readonly versionId: string;
  readonly testSet: readonly TestRow[];
}

/** The stand-in's AI service and the AI cube, each a process of its own, with the same model files. */
export class AiServices {
  private constructor(
    readonly legacy: Peer,
    readonly cube: Peer,
    readonly folder: string,
    readonly source: Source,
    readonly target: Target,
  ) {}

  static async start(lab: Lab): Promise<AiServices> {
    const source = await lab.source(1);
    const target = await lab.target();
    const [legacyUrl, cubeUrl] = [source.url, target.url];
    const root = join(lab.folder, 'ai');
    mkdirSync(root);
    const models = layOutModels(root);
    await withClient(legacyUrl, fillModels);
    const legacyPort = await choosePort(0, new Set());
    const legacy = await Peer.start(
      'the AI service of legacy',
      process.execPath,
      [join(packageRoot(), 'dist', 'legacy', 'ai-service.js')],
      legacyPort,
      { NODE_ENV: 'production', LEGACY_DATABASE_URL: legacyUrl, LEGACY_MODEL_DIR: models, PORT: String(legacyPort) },
    );
    const cubePort = await choosePort(0, new Set([legacyPort]));
    const cube = await Peer.start(
      'the AI cube',
      process.execPath,
      [join(packageRoot(), 'dist', 'src', 'services', 'ai', 'main.js')],
      cubePort,
      {
        NODE_ENV: 'production',
        LEGACY_DATABASE_URL: legacyUrl,
        CUBE_DATABASE_URL: cubeUrl,
        LEGACY_AI_URL: `http://127.0.0.1:${legacyPort}`,
        LEGACY_MODEL_DIR: models,
        CUBE_STORAGE_URL: join(root, 'store'),
        REDIS_URL: lab.env.REDIS_URL ?? '',
        CUBE_JWT_SECRET: cubeSecret,
        CUBE_PORT: String(cubePort),
        STATE_DIR: join(root, 'state'),
        LOG_LEVEL: 'error',
      },
    );
    return new AiServices(legacy, cube, root, source, target);
  }

  /** Of workers that compare models at both. */
  get workerVariables(): Readonly<Record<string, string>> {
    return {
      CUBE_JWT_SECRET: cubeSecret,
      LEGACY_AI_URL: `http://127.0.0.1:${this.legacy.port}`,
      LEGACY_MODEL_DIR: join(this.folder, 'models'),
      CUBE_STORAGE_URL: join(this.folder, 'store'),
    };
  }

  get token(): string {
    return issueCubeToken(cubeSecret, { cubeId: 'bench', permissions: ['ai:call'] }, new Date()).token;
  }

  /** Puts a model into the cube, active, as the migration does. */
  async move(name: string): Promise<MeasuredModel> {
    const model = legacyModels().find(({ row }) => row.name === name);
    if (model === undefined) throw new Error(`there is no model ${name}`);
    const { id, version, artifact_path: path, sha256, metrics } = model.row;
    const folder = join(this.folder, 'models');
    const blob = await createFolderStore(join(this.folder, 'store')).stage(
      createReadStream(join(folder, path)),
      'bench',
    );
    await blob.keep();
    const versionId = await withClient(this.target.url, async (client) => {
      await client.query('insert into ai.models (id, name) values ($1, $2)', [id, name]);
      const made = await client.query<{ id: string }>(
        `insert into ai.model_versions (model_id, version, form, sha256, source_sha256, files, file_stats, state, imported_at)
         values ($1, $2, 'float', $3, $3, '{}', '{}', 'active', now()) returning id::text`,
        [id, version, sha256],
      );
      await client.query('update ai.models set active_version_id = $2 where id = $1', [id, made.rows[0]?.id]);
      return made.rows[0]?.id ?? '';
    });
    const testSet = readTestSet(readFileSync(join(folder, metrics?.test_set ?? ''), 'utf8'));
    if ('missing' in testSet) throw new Error(testSet.missing);
    return { model, versionId, testSet };
  }

  async stop(): Promise<void> {
    await this.cube.stop();
    await this.legacy.stop();
  }
}

async function fillModels(client: pg.Client): Promise<void> {
  await client.query('truncate ai_models');
  for (const { row } of legacyModels()) {
    const values = Object.values(row).map((value) =>
      typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
    );
    const places = values.map((_, place) => `$${place + 1}`);
    await client.query(`insert into ai_models (${Object.keys(row).join(', ')}) values (${places.join(', ')})`, values);
  }
}
