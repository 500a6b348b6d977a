import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { type ModelProcess, startModelProcess } from '../../src/models/model-process.js';
import { testModels, writeModel } from '../support/onnx-graph.js';

/** Real processes, each with the runtime in it. */
const mebibyte = 1024 * 1024;
const limits = { maxResidentBytes: 600 * mebibyte, loadMillis: 20_000, runMillis: 20_000 };
let folder: string;
let running: ModelProcess[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'model-process-'));
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.close()));
  running = [];
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(changes: Partial<typeof limits> = {}): ModelProcess {
  const started = startModelProcess({ ...limits, ...changes });
  running.push(started);
  return started;
}

async function loaded(model: Buffer, changes: Partial<typeof limits> = {}): Promise<ModelProcess> {
  const process = start(changes);
  const answer = await process.load('m', writeModel(folder, `model-${running.length}`, model));
  if ('kind' in answer) expect.fail(answer.message);
  return process;
}

describe('a model process', () => {
  test('gives back values of every type as JSON holds them', async () => {
    const process = await loaded(testModels.everyType());
    const row = { f: 0.1, d: [0.1, 1e300], l: 5, i: [-7], b: true, s: '한글 😀\n' };
    expect(await process.predict('m', [row, { ...row, l: '9007199254740993', b: false, s: '' }])).toEqual([
      { f_out: Math.fround(0.1), d_out: [0.1, 1e300], l_out: 5, i_out: [-7], b_out: true, s_out: '한글 😀\n' },
      { f_out: Math.fround(0.1), d_out: [0.1, 1e300], l_out: '9007199254740993', i_out: [-7], b_out: false, s_out: '' },
    ]);
  });

  test('says what a graph takes and gives, and whether rows may be joined', async () => {
    const process = start();
    const load = (name: string, model: Buffer) => process.load(name, writeModel(folder, name, model));
    expect(await load('adds', testModels.adds(1))).toEqual({
      graph: {
        inputs: [{ name: 'x', type: 'float32', shape: [null, 4] }],
        outputs: [{ name: 'y', type: 'float32', shape: [null, 4] }],
      },
      joinsRows: true,
    });
    expect(await load('one-row', testModels.oneRow())).toMatchObject({ joinsRows: false });
    expect(await load('mixes', testModels.mixesRows())).toMatchObject({ joinsRows: false });
    expect(await load('rounds', testModels.roundsByAllRows())).toMatchObject({ joinsRows: false });
    expect(await load('picks', testModels.picks())).toMatchObject({ joinsRows: true });
    expect(await load('sums', testModels.sums())).toMatchObject({ joinsRows: true });
  });

  test.each<[boolean, string]>([
    [true, 'digits-reservoir'],
    [true, 'digits-reservoir.int8'],
    [true, 'digits-external'],
    [true, 'sensor-network.int8'],
    [true, 'tumour-forest'],
    [true, 'friedman-boosting'],
    [true, 'korean-documents'],
    [true, 'korean-reviews'],
    [true, 'visit-no-show'],
    [true, 'sound'],
    [true, 'exact-total'],
    [false, 'dropout-left-on'],
  ])('says %s to joining the rows of %s', async (joinsRows, name) => {
    const file = join(packageRoot(), 'legacy', 'ai-models', 'models', 'artifacts', `${name}.onnx`);
    expect(await start().load(name, file)).toMatchObject({ joinsRows });
  });

  test('computes rows of different lengths, and a graph of one row for several', async () => {
    const sums = await loaded(testModels.sums());
    expect(await sums.predict('m', [[1, 2], [3, 4], [5], []])).toEqual([{ y: 3 }, { y: 7 }, { y: 5 }, { y: 0 }]);
    const one = await loaded(testModels.oneRow());
    expect(await one.predict('m', [[1, 2, 3], { x: [4, 5, 6] }])).toEqual([{ y: [2, 4, 6] }, { y: [8, 10, 12] }]);
  });

  test('shows a number that is not finite', async () => {
    const process = await loaded(testModels.divides());
    expect(await process.predict('m', [0, 2])).toEqual([{ y: Infinity }, { y: 0.5 }]);
  });

  test('refuses inputs that the model cannot compute, and serves on', async () => {
    const process = await loaded(testModels.picks());
    await expect(process.predict('m', [7])).rejects.toMatchObject({ kind: 'refused' });
    await expect(process.predict('m', ['one'])).rejects.toMatchObject({ kind: 'refused' });
    expect(await process.predict('m', [1])).toEqual([{ y: 20 }]);
  });

  test.each([
    ['artifact_unreadable', 'garbage', Buffer.from('no graph')],
    ['artifact_unreadable', 'empty', Buffer.alloc(0)],
    ['artifact_unreadable', 'cut', testModels.adds(1).subarray(0, 60)],
    ['operator_unsupported', 'unknown', testModels.unknownOperator()],
    ['operator_unsupported', 'domain', testModels.unknownOperator('com.example')],
    ['operator_unsupported', 'later', testModels.laterOperatorSet()],
    ['operator_unsupported', 'bytes', testModels.bytesAsInput()],
    ['memory_exceeded', 'huge', testModels.large(2 ** 42)],
  ])('says %s of %s', async (kind, name, content) => {
    const process = start();
    expect(await process.load('m', writeModel(folder, name, content))).toMatchObject({ kind });
    expect(await process.load('n', writeModel(folder, 'good', testModels.adds(1)))).toHaveProperty('graph');
  });

  test('says memory_exceeded of a model that grows past the limit while it is loaded', async () => {
    const process = start({ maxResidentBytes: 300 * mebibyte });
    const answer = await process.load('m', writeModel(folder, 'grows', testModels.large(2 ** 30)));
    expect(answer).toMatchObject({ kind: 'memory_exceeded' });
    expect(await process.ended).toBe('memory_exceeded');
  });

  test('ends at its time limit, and only what it was computing has timed out', async () => {
    const process = await loaded(testModels.takesLong(), { runMillis: 700 });
    const row = (turns: number) => [{ x: 1, turns }];
    expect(await process.predict('m', row(3))).toEqual([{ y: 1 }]);
    const results = await Promise.allSettled([process.predict('m', row(2 ** 50)), process.predict('m', row(1))]);
    expect(results).toMatchObject([{ reason: { kind: 'timed_out' } }, { reason: { kind: 'crashed' } }]);
    expect(await process.ended).toBe('timed_out');
    await expect(process.predict('m', row(1))).rejects.toMatchObject({ kind: 'timed_out' });
  });

  test('ends when it grows past its memory limit', async () => {
    const process = await loaded(testModels.takesMemory(), { maxResidentBytes: 400 * mebibyte });
    expect(await process.predict('m', [{ x: 1, size: 1000 }])).toEqual([{ y: 2 }]);
    await expect(process.predict('m', [{ x: 1, size: 2 ** 30 }])).rejects.toMatchObject({ kind: 'memory_exceeded' });
  });

  test('fails calls when it is killed, and never answers again', async () => {
    const process = await loaded(testModels.takesLong());
    const call = process.predict('m', [{ x: 1, turns: 2 ** 50 }]);
    await process.close();
    await expect(call).rejects.toMatchObject({ kind: 'closed' });
    await expect(process.predict('m', [{ x: 1, turns: 1 }])).rejects.toMatchObject({ kind: 'closed' });
    expect(process.residentBytes()).toBe(0);
  });

  test('stays of one size over many predictions, and over loading and releasing', async () => {
    const process = await loaded(testModels.adds(1));
    const rows = Array.from({ length: 64 }, () => [1, 2, 3, 4]);
    const predictMany = async () => {
      for (let call = 0; call < 1000; call += 1) await process.predict('m', rows);
    };
    const loadMany = async () => {
      for (let turn = 0; turn < 100; turn += 1) {
        await process.load('other', join(folder, 'model-1.onnx'));
        await process.release('other');
      }
    };
    await predictMany();
    await loadMany();
    const before = process.residentBytes();
    await predictMany();
    await predictMany();
    await loadMany();
    expect(process.residentBytes() - before).toBeLessThan(24 * mebibyte);
  });

  test.skipIf(!existsSync('/proc/self'))(
    'does not outlive a parent that was killed, whatever it computes',
    async () => {
      const file = writeModel(folder, 'endless', testModels.takesLong());
      const script = `
      import { startModelProcess } from ${JSON.stringify(new URL('../../dist/src/models/model-process.js', import.meta.url).href)};
      const one = startModelProcess(${JSON.stringify(limits)});
      await one.load('m', ${JSON.stringify(file)});
      one.predict('m', [{ x: 1, turns: 2 ** 50 }]);
      process.stdout.write(String(one.pid));
      setInterval(() => {}, 1000);`;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const pid = await new Promise<string>((resolve) => parent.stdout.once('data', (text) => resolve(String(text))));
      expect(existsSync(`/proc/${pid}`)).toBe(true);
      parent.kill('SIGKILL');
      await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 10_000 }).toBe(false);
    },
  );
});
