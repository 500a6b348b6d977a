import { readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request as send } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import type { AiCubeOptions } from '../../src/services/ai/app.js';
import { type AiServices, heldOutRows, startAiServices } from '../support/ai-services.js';
import { testSecret } from '../support/engine.js';
import { testModels } from '../support/onnx-graph.js';
import { mayMount, withSmallTemporaryDisk } from '../support/small-disk.js';

/** The AI cube with real model processes, next to the stand-in's AI service. */
const mebibyte = 1024 * 1024;
let services: AiServices;
const tokenOf = (cubeId: string) => issueCubeToken(testSecret, { cubeId, permissions: ['ai:call'] }, new Date()).token;
const gateway = { 'x-cube-token': tokenOf('api-gateway-cube') };
const engine = { authorization: `Bearer ${tokenOf('engine')}` };

async function start(models: Partial<AiCubeOptions['models']> = {}, maxPendingBytes?: number): Promise<void> {
  services = await startAiServices(models, maxPendingBytes);
}
const limits = { maxResidentBytes: 400 * mebibyte, loadMillis: 20_000, runMillis: 1000 };
afterEach(() => services.close());

describe('who serves', () => {
  beforeEach(() => start());

  test('the cube does with its active version, and legacy where there is none', async () => {
    await services.addModel('plus', testModels.adds(1));
    expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
    expect(await count('ai_cube_predictions_total', { by: 'legacy' })).toBe(1);
    await services.move('plus', { state: 'imported' });
    expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
    expect(await count('ai_cube_predictions_total', { by: 'cube' })).toBe(0);
    await services.move('plus');
    await expect.poll(() => servedByCube('plus', [[0, 0, 0, 0]]), { timeout: 5000 }).toBe(true);
    expect(await count('ai_cube_model_sessions', { model: 'plus' })).toBe(1);
    expect(await count('ai_cube_model_resident_bytes', { model: 'plus' })).toBeGreaterThan(20 * mebibyte);
  });

  test.each<[string, string]>([
    ['version', `update ai_models set version = '2' where name = 'plus'`],
    ['sum', `update ai_models set sha256 = repeat('0', 64) where name = 'plus'`],
    ['row, which is gone,', `delete from ai_models where name = 'plus'`],
  ])('legacy does within five seconds once its %s changes', async (_, change) => {
    await services.addModel('plus', testModels.adds(1));
    await services.move('plus');
    const row = [[0, 0, 0, 0]];
    expect(await servedByCube('plus', row)).toBe(true);
    await services.databases.legacy.query(change);
    await expect.poll(() => servedByCube('plus', row), { timeout: 5000 }).toBe(false);
  });

  test('legacy does once its external data changes', async () => {
    await services.move('digits-external');
    const rows = heldOutRows(services, 'digits-external')
      .slice(0, 3)
      .map(({ inputs }) => inputs);
    expect(await servedByCube('digits-external', rows)).toBe(true);
    const file = join(services.folder, 'artifacts', 'digits-external', 'layer-0.bin');
    writeFileSync(file, Buffer.alloc(statSync(file).size));
    await expect.poll(() => servedByCube('digits-external', rows), { timeout: 5000 }).toBe(false);
  });

  test('the cube says which active models legacy has replaced, before anyone asks for one of them', async () => {
    const { legacy } = services.databases;
    const replaced = async () => {
      const health = await send(`${services.urls.cube}/health`);
      return ((await health.body.json()) as { replaced_models: unknown }).replaced_models;
    };
    for (const name of ['changed', 'gone', 'same', 'rejected']) await services.addModel(name, testModels.adds(1));
    for (const name of ['changed', 'gone', 'same', 'digits-external']) await services.move(name);
    await services.move('rejected', { state: 'imported' });
    await expect.poll(replaced, { timeout: 5000 }).toEqual({ count: 0, names: [] });

    await legacy.query("update ai_models set version = '2' where name in ('changed', 'rejected')");
    await legacy.query("delete from ai_models where name = 'gone'");
    const file = join(services.folder, 'artifacts', 'digits-external', 'layer-0.bin');
    writeFileSync(file, Buffer.alloc(statSync(file).size));
    const names = ['changed', 'gone', 'digits-external'];
    await expect.poll(replaced, { timeout: 5000 }).toEqual({ count: 3, names });
    for (const [at, reason] of ['row_changed', 'row_gone', 'files_changed'].entries())
      expect(await count('ai_cube_models_passed_on', { model: names[at] ?? '', reason })).toBe(1);
    expect(await count('ai_cube_models_passed_on', {})).toBe(3);

    await legacy.query("update ai_models set version = '1' where name = 'changed'");
    await expect.poll(replaced, { timeout: 5000 }).toEqual({ count: 2, names: names.slice(1) });
  });

  test('no ramp waits for a right to write: users do not write models', async () => {
    const { token } = issueCubeToken(testSecret, { cubeId: 'control', permissions: ['migration:write'] }, new Date());
    expect(await post('/_cube/write-check', undefined, { authorization: `Bearer ${token}` })).toMatchObject({
      status: 200,
      body: { writable: true, sentence: null },
    });
    expect((await post('/_cube/write-check', undefined, gateway)).status).toBe(404);
  });

  test('the engine calls a version that is not active; a user cannot', async () => {
    await services.addModel('plus', testModels.adds(1));
    const id = await services.move('plus', { state: 'imported' });
    const path = `/models/plus/versions/${id}/predict`;
    expect(await post(path, [[1, 1, 1, 1]], engine)).toMatchObject({
      status: 200,
      body: { model: 'plus', version: '1', outputs: [{ y: [2, 2, 2, 2] }] },
    });
    expect(await post(path, [[1, 1, 1, 1]], gateway)).toMatchObject({ status: 404 });
    expect(await post(path, [[1, 1, 1, 1]], {})).toMatchObject({ status: 401 });
    for (const other of [
      '/models/plus/versions/999/predict',
      '/models/sound/versions/1/predict',
      '/models/plus/versions/x/predict',
    ])
      expect(await post(other, [[1, 1, 1, 1]], engine)).toMatchObject({ status: 404 });
  });

  test('a damaged artifact is never loaded', async () => {
    await services.addModel('plus', testModels.adds(1));
    await services.move('plus');
    for (const fan of readdirSync(services.storeFolder).filter((name) => name.length === 2))
      for (const name of readdirSync(join(services.storeFolder, fan)))
        writeFileSync(join(services.storeFolder, fan, name), testModels.adds(2));
    expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({ status: 503, body: notNow });
  });

  test('a model whose artifact the store cannot give waits for its next attempt; answers name no folder', async () => {
    await services.addModel('plus', testModels.adds(1));
    await services.move('plus');
    const reason = 'artifact_unavailable';
    const away = `${services.storeFolder}-away`;
    renameSync(services.storeFolder, away);
    for (let call = 0; call < 5; call += 1)
      expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({
        status: 503,
        retryAfter: expect.stringMatching(/^[1-9]$/),
        body: { ...notNow, reason },
      });
    const failures = await count('ai_cube_model_process_failures_total', { model: 'plus', reason });
    expect(failures).toBeGreaterThanOrEqual(1);
    // Not one a call: the first delay is 375 ms at least.
    expect(failures).toBeLessThan(5);
    renameSync(away, services.storeFolder);
    await expect.poll(async () => (await predict('plus', [[0, 0, 0, 0]])).status, { timeout: 10_000 }).toBe(200);
  });

  test.skipIf(!mayMount())(
    'a full disk of temporary files is the reason of a 503, and is tried again (needs root)',
    async () => {
      await services.addModel('big', testModels.widens(2 ** 16, true));
      await services.move('big');
      await withSmallTemporaryDisk(async (disk) => {
        expect(await predict('big', [[1]])).toMatchObject({
          status: 503,
          retryAfter: '1',
          body: { ...notNow, reason: 'disk_full' },
        });
        expect(await count('ai_cube_model_process_failures_total', { model: 'big', reason: 'disk_full' })).toBe(1);
        disk.grow();
        await expect.poll(async () => (await predict('big', [[1]])).status, { timeout: 10_000 }).toBe(200);
      });
    },
  );

  const notNow = { type: 'upstream_unavailable', detail: 'The model cannot be run now.' };
});

describe('while a model is replaced', () => {
  beforeEach(() => start());

  test('every prediction is from one version, whole, and none fails', async () => {
    await services.addModel('plus', testModels.adds(1), '1');
    await services.move('plus');
    expect(await servedByCube('plus', [[0, 0, 0, 0]])).toBe(true);
    const second = await replacement();
    let isDone = false;
    const seen = new Map<string, number>();
    const user = async () => {
      while (!isDone) {
        const rows = Array.from({ length: 3 }, () => Array.from({ length: 4 }, () => Math.round(Math.random() * 100)));
        const { status, body } = await predict('plus', rows);
        expect(status).toBe(200);
        const { version, outputs } = body as { version: string; outputs: { y: number[] }[] };
        const by = version === '1' ? 1 : 2;
        expect(outputs.map(({ y }) => y)).toEqual(rows.map((row) => row.map((value) => value + by)));
        seen.set(version, (seen.get(version) ?? 0) + 1);
      }
    };
    const users = Array.from({ length: 200 }, user);
    await pause(500);
    await second();
    await expect.poll(() => seen.get('2') ?? 0, { timeout: 10_000 }).toBeGreaterThan(200);
    isDone = true;
    await Promise.all(users);
    expect([...seen.keys()].sort()).toEqual(['1', '2']);
    // The process of the former version has ended with its last request.
    await expect.poll(() => count('ai_cube_model_sessions', { model: 'plus' }), { timeout: 10_000 }).toBe(1);
  });

  /** Puts version 2 into the cube, not active; the function that is returned replaces version 1 by it on both sides. */
  async function replacement() {
    const { legacy } = services.databases;
    await services.addModel('plus-2', testModels.adds(2), '2');
    const [row] = (await legacy.query(`delete from ai_models where name = 'plus-2' returning artifact_path, sha256`))
      .rows;
    const original = await legacy.query(`select artifact_path, sha256 from ai_models where name = 'plus'`);
    const set = (path: string, sha256: string, version: string) =>
      legacy.query(`update ai_models set artifact_path = $1, sha256 = $2, version = $3 where name = 'plus'`, [
        path,
        sha256,
        version,
      ]);
    await set(row.artifact_path, row.sha256, '2');
    const id = await services.move('plus', { state: 'imported' });
    await set(original.rows[0].artifact_path, original.rows[0].sha256, '1');
    return async () => {
      await services.activate(id);
      await set(row.artifact_path, row.sha256, '2');
    };
  }
});

describe('a process of a model', () => {
  test.each<[string, string, Buffer, unknown, unknown]>([
    ['hangs', 'timed_out', testModels.takesLong(), { x: 1, turns: 2 ** 50 }, { x: 1, turns: 1 }],
    ['grows past its limit', 'memory_exceeded', testModels.takesMemory(), { x: 1, size: 2 ** 30 }, { x: 1, size: 5 }],
  ])('that %s fails for that model alone, and is replaced', async (_, reason, model, fatal, harmless) => {
    await start({ process: { ...limits, runMillis: reason === 'timed_out' ? 1000 : 20_000 } });
    await services.addModel('faulty', model);
    await services.addModel('plus', testModels.adds(1));
    await services.move('faulty');
    await services.move('plus');
    expect(await predict('faulty', [harmless])).toMatchObject({ status: 200 });
    expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
    const failing = predict('faulty', [fatal]);
    for (let call = 0; call < 20; call += 1)
      expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
    expect(await failing).toMatchObject({
      status: 503,
      retryAfter: '1',
      body: { type: 'upstream_unavailable', reason },
    });
    await expect.poll(async () => (await predict('faulty', [harmless])).status, { timeout: 10_000 }).toBe(200);
    expect(await count('ai_cube_model_process_failures_total', { model: 'faulty', reason })).toBe(1);
    expect(await count('ai_cube_model_process_failures_total', { model: 'plus' })).toBe(0);
  });

  test('that keeps failing is left alone for longer each time', async () => {
    await start({ process: { ...limits, runMillis: 300 } });
    await services.addModel('faulty', testModels.takesLong());
    await services.move('faulty');
    const failures = () => count('ai_cube_model_process_failures_total', { model: 'faulty' });
    const gaps: number[] = [];
    for (let last = performance.now(); gaps.length < 4; ) {
      const before = await failures();
      await expect
        .poll(async () => (await predict('faulty', [{ x: 1, turns: 2 ** 50 }])) && (await failures()), {
          timeout: 20_000,
        })
        .toBeGreaterThan(before);
      gaps.push(performance.now() - last);
      last = performance.now();
    }
    // After 0.4 to 0.6 s the second, after 1.5 to 2.5 s the fourth.
    expect(gaps[3]).toBeGreaterThan((gaps[1] ?? 0) + 300);
  });

  test('leaves memory when others want it, the least recently used first', async () => {
    await start({ maxResidentBytes: 250 * mebibyte });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const [by, name] of names.entries()) {
      await services.addModel(name, testModels.adds(by));
      await services.move(name);
    }
    for (const name of names) {
      expect(await predict(name, [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
      expect(await predict('a', [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
    }
    expect(await count('ai_cube_model_evictions_total', { model: 'b' })).toBe(1);
    expect(await count('ai_cube_model_evictions_total', { model: 'a' })).toBe(0);
    const together = await Promise.all(
      names.flatMap((name) => [predict(name, [[0, 0, 0, 0]]), predict(name, [[0, 0, 0, 0]])]),
    );
    expect(together.map(({ status }) => status)).toEqual(together.map(() => 200));
    await expect
      .poll(() => count('ai_cube_model_resident_bytes', {}), { timeout: 5000 })
      .toBeLessThanOrEqual(250 * mebibyte);
    expect(await predict('b', [[1, 1, 1, 1]])).toMatchObject({ status: 200, body: { outputs: [{ y: [2, 2, 2, 2] }] } });
  });
});

describe('requests at the same time', () => {
  beforeEach(() => start());

  test('are computed together, and one that the model refuses fails alone', async () => {
    await services.addModel('picks', testModels.picks());
    await services.move('picks');
    await predict('picks', [0]);
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, at) => predict('picks', [at % 20 === 7 ? 9 : at % 3])),
    );
    for (const [at, { status, body }] of answers.entries()) {
      if (at % 20 === 7) expect(status).toBe(422);
      else expect(body).toMatchObject({ outputs: [{ y: [10, 20, 30][at % 3] }] });
    }
    const batches = await count('ai_cube_batch_rows_count', { model: 'picks' });
    const rows = await count('ai_cube_batch_rows_sum', { model: 'picks' });
    expect(rows / batches).toBeGreaterThan(1.2);
  });

  test('of many rows are computed in parts, each row once', async () => {
    await services.addModel('plus', testModels.adds(1));
    await services.move('plus');
    const rows = Array.from({ length: 2000 }, (_, at) => [at, 0, 0, 0]);
    const { body } = await predict('plus', rows);
    expect(body).toMatchObject({ outputs: rows.map(([at]) => ({ y: [(at ?? 0) + 1, 1, 1, 1] })) });
    expect(await count('ai_cube_batch_rows_bucket', { model: 'plus', le: '256' })).toBe(8);
    expect(await count('ai_cube_batch_rows_sum', { model: 'plus' })).toBe(2000);
  });

  test('for a graph with a fixed number of rows are computed row by row', async () => {
    await services.addModel('fixed', testModels.fixedRows(1024));
    await services.move('fixed');
    const rows = Array.from({ length: 1000 }, (_, at) => [at, 1, 2]);
    const { body } = await predict('fixed', rows);
    expect(body).toMatchObject({ outputs: rows.map(([at]) => ({ y: [(at ?? 0) * 2, 2, 4] })) });
    expect(await count('ai_cube_batch_rows_count', { model: 'fixed' })).toBe(1000);
  });

  test('are not, where rows have an effect on each other', async () => {
    await services.addModel('mixes', testModels.mixesRows());
    await services.move('mixes');
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        predict('mixes', [
          [at, 0],
          [at + 2, 0],
        ]),
      ),
    );
    for (const { body } of answers) expect(body).toMatchObject({ outputs: [{ y: [-1, 0] }, { y: [1, 0] }] });
  });

  test('are not, where the greatest number of all rows decides how each is rounded', async () => {
    await services.addModel('rounds', testModels.roundsByAllRows());
    await services.move('rounds');
    const row = [0.1, 0.2, 0.3, 0.9];
    const alone = await predict('rounds', [row]);
    expect(alone.status).toBe(200);
    const others = Array.from({ length: 100 }, (_, at) => predict('rounds', [at % 2 === 0 ? row : [0, 0, 0, 1000]]));
    for (const [at, answer] of (await Promise.all(others)).entries()) if (at % 2 === 0) expect(answer).toEqual(alone);
  });
});

describe('more requests than a model can take', () => {
  const slow = { x: 1, turns: 2 ** 50 };
  const overloaded = { status: 503, retryAfter: '1', body: { type: 'upstream_unavailable', reason: 'overloaded' } };

  test('are refused beyond a number for that model alone', async () => {
    await start({ maxPending: 3, process: { ...limits, runMillis: 4000 } });
    await services.addModel('slow', testModels.takesLong());
    await services.addModel('plus', testModels.adds(1));
    await services.move('slow');
    await services.move('plus');
    expect(await predict('slow', [{ x: 1, turns: 1 }])).toMatchObject({ status: 200 });
    const waiting = [1, 2, 3].map(() => predict('slow', [slow]));
    await pause(500);
    expect(await predict('slow', [{ x: 1, turns: 1 }])).toMatchObject({ ...overloaded, isOfItem: true });
    expect(await predict('plus', [[0, 0, 0, 0]])).toMatchObject({ status: 200 });
    for (const { body } of await Promise.all(waiting)) expect(body).not.toMatchObject({ reason: 'overloaded' });
  });

  test('are refused before they are read, beyond a number of bytes', async () => {
    await start({ process: { ...limits, runMillis: 4000 } }, 2000);
    await services.addModel('slow', testModels.takesLong());
    await services.move('slow');
    expect(await predict('slow', [{ x: 1, turns: 1 }])).toMatchObject({ status: 200 });
    const waiting = predict('slow', new Array(50).fill(slow));
    await pause(500);
    expect(await predict('slow', new Array(50).fill(slow))).toMatchObject({ ...overloaded, isOfItem: false });
    expect((await waiting).body).toMatchObject({ reason: 'timed_out' });
    // What was answered counts no more.
    await expect.poll(async () => (await predict('slow', new Array(50).fill({ x: 1, turns: 1 }))).status).toBe(200);
  });

  test('are not computed once their clients have gone', async () => {
    await start({ process: { ...limits, runMillis: 1000 } });
    await services.addModel('slow', testModels.takesLong());
    await services.move('slow');
    expect(await predict('slow', [{ x: 1, turns: 1 }])).toMatchObject({ status: 200 });
    // Two are sent at once to a model that does not join rows; the third waits.
    const begun = [predict('slow', [slow]), predict('slow', [slow])];
    await pause(100);
    const third = post('/models/slow/predict', [{ x: 1, turns: 1 }], { ...gateway, 'x-request-deadline': '300' });
    expect((await third).body).toMatchObject({ reason: 'overdue' });
    await Promise.all(begun);
  });
});

describe('a version that serves no users', () => {
  test('leaves memory when it is not called any more; one that does stays', async () => {
    await start({ idleMillis: 500 });
    await services.addModel('plus', testModels.adds(1));
    const id = await services.move('plus', { state: 'imported' });
    const path = `/models/plus/versions/${id}/predict`;
    const sessions = () => count('ai_cube_model_sessions', { model: 'plus' });
    expect(await post(path, [[1, 1, 1, 1]], engine)).toMatchObject({ status: 200 });
    expect(await sessions()).toBe(1);
    await expect.poll(sessions, { timeout: 10_000 }).toBe(0);
    expect(await post(path, [[1, 1, 1, 1]], engine)).toMatchObject({ status: 200 });
    await services.activate(id);
    await expect.poll(() => servedByCube('plus', [[0, 0, 0, 0]]), { timeout: 5000 }).toBe(true);
    await pause(3000);
    expect(await sessions()).toBe(1);
  });
});

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Whether the cube says that it is well itself. */
  readonly isOfItem: boolean;
  readonly body: unknown;
}

const predict = (name: string, inputs: unknown): Promise<Answer> => post(`/models/${name}/predict`, inputs, gateway);

async function post(path: string, inputs: unknown, headers: Record<string, string>): Promise<Answer> {
  const answer = await send(services.urls.cube + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ inputs }),
  });
  const retryAfter = answer.headers['retry-after']?.toString();
  const isOfItem = answer.headers['x-cube-item-failure'] !== undefined;
  return { status: answer.statusCode, retryAfter, isOfItem, body: await answer.body.json() };
}

/** Whether the cube itself computed a prediction. */
async function servedByCube(name: string, inputs: unknown): Promise<boolean> {
  const before = await count('ai_cube_predictions_total', { model: name, by: 'cube', status: '200' });
  await predict(name, inputs);
  return (await count('ai_cube_predictions_total', { model: name, by: 'cube', status: '200' })) > before;
}

/** The sum of a metric's series that have these labels. */
async function count(metric: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const answer = await send(`${services.urls.cube}/metrics`);
  const lines = (await answer.body.text()).split('\n').filter((line) => line.startsWith(`${metric}{`));
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  const found = lines.filter((line) => wanted.every((label) => line.includes(label)));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
