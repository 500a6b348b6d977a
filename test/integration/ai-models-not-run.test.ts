import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { createAssets } from '../../src/kinds/assets.js';
import { openDatabases } from '../../src/postgres/databases.js';
import { type AiServices, startAiServices } from '../support/ai-services.js';
import { testSecret } from '../support/engine.js';
import { fillModels, insertModel, modelNamed } from '../support/legacy-models.js';
import { ModelsRun } from '../support/models-run.js';
import { noS3 } from '../support/no-s3.js';
import { testModels } from '../support/onnx-graph.js';

/** Models that a worker with more room than the cube finds fit, and that the cube alone cannot run. */
const mebibyte = 1024 * 1024;
let services: AiServices;
afterEach(() => services.close());

const number = (name: string, shape: (number | null)[]) => ({ name, type: 'float32', shape });
const width = 2 ** 19;

test.each([
  {
    reason: 'memory_exceeded',
    says: 'memory_exceeded',
    process: { maxResidentBytes: 300 * mebibyte, loadMillis: 20_000, runMillis: 20_000 },
    content: testModels.widens(width, true),
    schema: [number('x', [null, 1])],
    row: (at: number) => ({ inputs: { x: [at] }, label: at * width }),
  },
  {
    reason: 'evidence_missing',
    says: 'timed_out',
    process: { maxResidentBytes: 768 * mebibyte, loadMillis: 20_000, runMillis: 300 },
    content: testModels.takesLong(),
    schema: [number('x', [null]), { name: 'turns', type: 'int64', shape: [null] }],
    row: (at: number) => ({ inputs: { x: at, turns: 2_000_000 }, label: at }),
  },
])(
  'a model that the cube cannot run is rejected ($says), and not compared for ever',
  async (model) => {
    services = await startAiServices({ process: model.process });
    const { databases, folder, storeFolder, urls } = services;
    const tested = Array.from({ length: 256 }, (_, at) => `${JSON.stringify(model.row(at))}\n`).join('');
    writeFileSync(join(folder, 'artifacts', 'model.onnx'), model.content);
    writeFileSync(join(folder, 'artifacts', 'tested.jsonl'), tested);
    const { row } = modelNamed('sound');
    await fillModels(databases.legacy, []);
    await insertModel(databases.legacy, {
      ...row,
      artifact_path: 'artifacts/model.onnx',
      sha256: sumOf(model.content),
      input_schema: model.schema,
      metrics: { task: 'regressor', output: 'y', test_set: 'artifacts/tested.jsonl', test_sha256: sumOf(tested) },
    } as typeof row);
    const opened = openDatabases(databases, 'test', 4);
    try {
      const settings = {
        LEGACY_MODEL_DIR: folder,
        LEGACY_STORAGE_DIR: '',
        ...noS3,
        CUBE_STORAGE_URL: storeFolder,
        LEGACY_AI_URL: urls.legacy,
      };
      const assets = createAssets(
        { ...settings, AI_CUBE_PROCESS_MIB: 2048 },
        {
          token: (permission) =>
            issueCubeToken(testSecret, { cubeId: 'engine', permissions: [permission] }, new Date()).token,
          aiCubeUrl: async () => urls.cube,
        },
      );
      const run = await ModelsRun.start('one', { databases: opened, worker: 'test/0', reach: () => undefined, assets });
      await run.copy();
      expect(await run.moveItems(['validate', 'import', 'compare', 'activate'])).toEqual(
        new Map([[String(row.id), model.reason]]),
      );
      const rejects = await databases.cube.query<{ detail: string }>('select detail from ledger.rejects');
      expect(rejects.rows[0]?.detail).toBe(`the AI cube cannot run the model (${model.says})`);
      expect(await run.rollBack()).toEqual([]);
    } finally {
      await opened.close();
    }
  },
  120_000,
);

function sumOf(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
