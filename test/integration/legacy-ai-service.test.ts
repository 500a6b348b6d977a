import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layOutModels } from '../../legacy/ai-models/lay-out.js';
import { legacyModels } from '../../legacy/ai-models/manifest.js';
import { packageRoot } from '../../src/base/package-root.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { testModels, writeModel } from '../support/onnx-graph.js';

/** The stand-in's AI service as the program that `up` starts. */
let databases: TestDatabases;
let root: string;
let folder: string;
let service: ChildProcess;
let url: string;

beforeAll(async () => {
  databases = await createDatabases(0);
  root = mkdtempSync(join(tmpdir(), 'legacy-ai-'));
  folder = layOutModels(root);
  await databases.legacy.query('delete from ai_models');
  for (const { row } of legacyModels()) await insert(row.name, row.version, row.artifact_path, row.sha256);
  await start();
});
afterAll(async () => {
  await stop();
  await databases.drop();
  rmSync(root, { recursive: true });
});

async function start(): Promise<void> {
  service = spawn(process.execPath, [join(packageRoot(), 'dist', 'legacy', 'ai-service.js')], {
    env: { PATH: process.env.PATH, LEGACY_DATABASE_URL: databases.legacyUrl, LEGACY_MODEL_DIR: folder, PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said] = (await once(service.stderr ?? expect.fail(), 'data')) as [Buffer];
  url = /http:\S+/.exec(said.toString())?.[0] ?? expect.fail(said.toString());
}

async function stop(): Promise<void> {
  const ended = once(service, 'exit');
  service.kill();
  expect(await ended).toEqual([0, null]);
}

const rowOfTwelve = Array(12).fill(0.5);

describe('legacy', () => {
  const replaced = legacyModels().flatMap(({ row, loaded }) => (loaded === undefined ? [] : [{ ...loaded, row }]));

  test('has earlier versions loaded of models whose files were replaced, also after a restart', async () => {
    expect(replaced.map(({ row }) => row.name)).toEqual(expect.arrayContaining(['worse-on-disk', 'classes-permuted']));
    for (const restarts of [0, 1]) {
      for (const { row, version } of replaced) {
        const size = row.input_schema[0]?.shape[1] ?? 0;
        expect(await predict(row.name, [Array(size).fill(0.5)])).toMatchObject({ status: 200, body: { version } });
      }
      if (restarts === 0) await stop().then(start);
    }
  });

  test('keeps what it has loaded until a restart, whatever becomes of row and file', async () => {
    await put('plus', testModels.adds(1), '1');
    const row = [[0, 0, 0, 0]];
    const one = { status: 200, body: { version: '1', outputs: [{ y: [1, 1, 1, 1] }] } };
    expect(await predict('plus', row)).toMatchObject(one);
    await databases.legacy.query(`delete from ai_models where name = 'plus'`);
    await put('plus', testModels.adds(2), '2');
    expect(await predict('plus', row)).toMatchObject(one);
    await stop();
    await start();
    expect(await predict('plus', row)).toMatchObject({ body: { version: '2', outputs: [{ y: [2, 2, 2, 2] }] } });
  });

  test('loads a model whose row comes later, and one whose file was repaired', async () => {
    expect(await predict('late', [[1, 1, 1, 1]])).toMatchObject({ status: 404 });
    await put('late', testModels.adds(1), '1');
    expect(await predict('late', [[1, 1, 1, 1]])).toMatchObject({ status: 200 });
    expect(await predict('unreadable-garbage', [rowOfTwelve])).toMatchObject({ status: 503 });
    copyFileSync(join(folder, 'artifacts', 'sound.onnx'), join(folder, 'artifacts', 'unreadable-garbage.onnx'));
    expect(await predict('unreadable-garbage', [rowOfTwelve])).toMatchObject({ status: 200 });
  });

  test('serves on after a model has ended the process of all models', async () => {
    await put('faulty', testModels.takesLong(), '1');
    expect(await predict('sound', [rowOfTwelve])).toMatchObject({ status: 200 });
    expect(await predict('faulty', [{ x: 1, turns: 1 }])).toMatchObject({ status: 200 });
    process.kill(modelProcess(), 'SIGKILL');
    await expect.poll(async () => (await predict('sound', [rowOfTwelve])).status, { timeout: 10_000 }).toBe(200);
  });
});

/** The only child of the service. */
function modelProcess(): number {
  const children = readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8');
  return Number(children.trim());
}

async function put(name: string, content: Buffer, version: string): Promise<void> {
  writeModel(folder, name, content);
  await insert(name, version, `${name}.onnx`, createHash('sha256').update(content).digest('hex'));
}

async function insert(name: string, version: string, path: string, sha256: string | null): Promise<void> {
  await databases.legacy.query(
    `insert into ai_models (name, version, framework, artifact_path, sha256) values ($1, $2, 'onnx', $3, $4)`,
    [name, version, path, sha256],
  );
}

async function predict(name: string, inputs: readonly unknown[]): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${url}/models/${name}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs }),
  });
  return { status: answer.status, body: await answer.json() };
}
