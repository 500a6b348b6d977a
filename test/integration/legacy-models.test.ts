import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { layOutModels } from '../../legacy/ai-models/lay-out.js';
import { type AiModelRow, type LegacyModel, legacyModels, modelFiles } from '../../legacy/ai-models/manifest.js';
import { loadModel, predict, readHeldOut } from '../support/onnx-model.js';

interface Comparison {
  readonly n: number;
  readonly b?: number;
  readonly c?: number;
  readonly legacy_accuracy: number;
  readonly cube_accuracy: number;
  readonly cube_error: number;
}

interface Expected {
  readonly outcome: string;
  readonly comparison?: Comparison;
  readonly int8?: { readonly outcome: string; readonly comparison: Comparison };
  readonly after?: { readonly outcome: string; readonly comparison: Comparison };
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(modelFiles(), 'expected.json'), 'utf8'),
);
const models = legacyModels();
const byName = new Map(models.map((model) => [model.row.name, model]));
const withOutcome = (...outcomes: readonly string[]) =>
  models.filter(({ row }) => outcomes.includes(expectedOf(row.name).outcome));

let root: string;
let folder: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'cubeshift-legacy-models-'));
  folder = layOutModels(root);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function expectedOf(name: string): Expected {
  const found = expected[name];
  if (found === undefined) throw new Error(`No outcome of ${name} is listed.`);
  return found;
}

function modelNamed(name: string): LegacyModel {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`${name} is not in the manifest.`);
  return found;
}

const sumOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const pathOf = ({ artifact_path }: AiModelRow) => join(folder, artifact_path);
const artifactOf = (name: string) => pathOf(modelNamed(name).row);

/** The held-out set that the row names, and what a file answers to it. */
async function ask(row: AiModelRow, path: string, testSet = row.metrics?.test_set) {
  const { rows, labels } = readHeldOut(join(folder, testSet ?? ''));
  const answers = await predict(await loadModel(path), rows, row.metrics?.output ?? '');
  return { answers, labels };
}

function accuracy({ answers, labels }: { readonly answers: readonly unknown[]; readonly labels: readonly unknown[] }) {
  return answers.filter((answer, place) => answer === labels[place]).length / labels.length;
}

/** Of labels, of answers a and of answers b: how often a alone is right, and b alone. */
function discordant(labels: readonly unknown[], legacy: readonly unknown[], cube: readonly unknown[]) {
  const count = (right: readonly unknown[], wrong: readonly unknown[]) =>
    labels.filter((label, place) => right[place] === label && wrong[place] !== label).length;
  return { b: count(legacy, cube), c: count(cube, legacy) };
}

describe('files and rows', () => {
  test('every model has an outcome, and every outcome a model', () => {
    expect(Object.keys(expected)).toEqual(models.map(({ row }) => row.name));
    expect(models.map(({ row }) => row.id)).toEqual(models.map((_, place) => place + 1));
  });

  test('sums are those of the files, except where the file itself is what is wrong', () => {
    const wrong = ['path_outside', 'artifact_missing', 'checksum_mismatch', 'framework_unsupported'];
    for (const { row } of models) {
      const { outcome } = expectedOf(row.name);
      if (!wrong.includes(outcome)) expect(sumOf(pathOf(row)), row.name).toBe(row.sha256);
      if (outcome === 'active')
        expect(sumOf(join(folder, row.metrics?.test_set ?? '')), row.name).toBe(row.metrics?.test_sha256);
      const { int8 } = row.metrics ?? {};
      if (int8 !== undefined) expect(sumOf(join(folder, int8.artifact_path)), row.name).toBe(int8.sha256);
    }
  });

  test('the one link leads out of the folder to a file that has the right sum', () => {
    const link = modelNamed('path-link').row;
    expect(lstatSync(pathOf(link)).isSymbolicLink()).toBe(true);
    expect(sumOf(pathOf(link))).toBe(link.sha256);
  });

  test('PostgreSQL takes every row as it is', async () => {
    const client = new pg.Client({ connectionString: inject('servers').legacyUrl });
    await client.connect();
    try {
      await client.query(`create temporary table models (id int, name text, version text, framework text,
        artifact_path text, sha256 text, input_schema jsonb, metrics jsonb, created_at timestamptz)`);
      const rows = JSON.stringify(models.map(({ row }) => row));
      await client.query('insert into models select * from json_populate_recordset(null::models, $1)', [rows]);
      const { rows: odd } = await client.query(
        `select name from models where not isfinite(created_at) or extract(year from created_at) not between 1 and 9999
         order by id`,
      );
      expect(odd.map(({ name }) => name)).toEqual(withOutcome('timestamp_invalid').map(({ row }) => row.name));
    } finally {
      await client.end();
    }
  });
});

describe('models that go over', () => {
  const active = withOutcome('active').map(({ row }) => row);

  test.each(active)('$name predicts its held-out rows as well as the row says', async (row) => {
    const asked = await ask(row, pathOf(row));
    expect(asked.labels.length).toBe(expectedOf(row.name).comparison?.n);
    const { task, accuracy: claimed, mean_absolute_error: error } = row.metrics ?? {};
    if (task === 'classifier') expect(accuracy(asked)).toBeGreaterThanOrEqual((claimed ?? 2) - 0.005);
    else expect(meanError(asked)).toBeLessThanOrEqual((error ?? -1) * 1.01);
  });

  test.each(active)('$name has the inputs that its row lists', async (row) => {
    const session = await loadModel(pathOf(row));
    const found = session.inputMetadata.map((input) => ({
      name: input.name,
      type: input.isTensor ? input.type : 'none',
      shape: input.isTensor ? input.shape.map((size) => (typeof size === 'number' && size > 0 ? size : null)) : [],
    }));
    expect(found).toEqual(row.input_schema);
  });

  test('at least five of them have 400 held-out rows or more', () => {
    const many = active.filter(({ name }) => (expectedOf(name).comparison?.n ?? 0) >= 400);
    expect(many.length).toBeGreaterThanOrEqual(5);
  });
});

function meanError({ answers, labels }: { readonly answers: readonly unknown[]; readonly labels: readonly unknown[] }) {
  return (
    labels.reduce<number>((sum, label, place) => sum + Math.abs(Number(answers[place]) - Number(label)), 0) /
    labels.length
  );
}

describe('int8 forms', () => {
  test.each(['digits-reservoir', 'sensor-network'])('%s answers in int8 as its list says', async (name) => {
    const { row } = modelNamed(name);
    const form = row.metrics?.int8?.artifact_path ?? '';
    const [float, int8] = [await ask(row, pathOf(row)), await ask(row, join(folder, form))];
    const listed = expectedOf(name).int8;
    expect(Math.abs(accuracy(int8) - (listed?.comparison.cube_accuracy ?? 2))).toBeLessThan(0.02);
    const lost = accuracy(float) - accuracy(int8);
    if (listed?.outcome === 'active') expect(lost).toBeLessThan(0.005);
    else expect(lost).toBeGreaterThan(0.05);
  });

  test('an answer of the larger model in int8 does not depend on the rows that share its batch', async () => {
    const { row } = modelNamed('digits-reservoir');
    const session = await loadModel(join(folder, row.metrics?.int8?.artifact_path ?? ''));
    const { rows } = readHeldOut(join(folder, row.metrics?.test_set ?? ''));
    const together = await predict(session, rows.slice(0, 60), 'label');
    const alone: unknown[] = [];
    for (const one of rows.slice(0, 60)) alone.push(...(await predict(session, [one], 'label')));
    expect(alone).toEqual(together);
  });
});

describe('models that legacy has loaded in another version', () => {
  const pairs = models.filter(({ loaded }) => loaded !== undefined);
  const classifiers = pairs.filter(({ row }) => row.metrics?.task === 'classifier');
  const regressors = pairs.filter(({ row }) => row.metrics?.task === 'regressor');

  test.each(classifiers)('$row.name differs from it as its list says', async ({ row, loaded }) => {
    const legacy = await ask(row, join(root, loaded?.path ?? ''));
    const cube = await ask(row, pathOf(row));
    const { comparison } = expectedOf(row.name);
    const { b, c } = discordant(legacy.labels, legacy.answers, cube.answers);
    const slack = legacy.labels.length * 0.005;
    expect(Math.abs(b - (comparison?.b ?? -99))).toBeLessThanOrEqual(slack);
    expect(Math.abs(c - (comparison?.c ?? -99))).toBeLessThanOrEqual(slack);
  });

  test.each(regressors)('$row.name differs from it as its list says', async ({ row, loaded }) => {
    const legacy = meanError(await ask(row, join(root, loaded?.path ?? '')));
    const cube = meanError(await ask(row, pathOf(row)));
    expect(cube).toBeGreaterThan(legacy);
    expect(cube / (expectedOf(row.name).comparison?.cube_error ?? 0)).toBeCloseTo(1, 2);
  });

  test('worse-on-disk loses ten points', async () => {
    const { row, loaded } = modelNamed('worse-on-disk');
    const before = accuracy(await ask(row, join(root, loaded?.path ?? '')));
    expect(before - accuracy(await ask(row, pathOf(row)))).toBeGreaterThan(0.095);
  });

  test('undecided has a larger test set with a sum of its own', async () => {
    const { row, larger, loaded } = modelNamed('undecided');
    const path = join(folder, larger?.test_set ?? '');
    expect(sumOf(path)).toBe(larger?.test_sha256);
    const legacy = await ask(row, join(root, loaded?.path ?? ''), larger?.test_set);
    const cube = await ask(row, pathOf(row), larger?.test_set);
    const { b, c } = discordant(legacy.labels, legacy.answers, cube.answers);
    const comparison = expectedOf(row.name).after?.comparison;
    expect([legacy.labels.length, b, c]).toEqual([comparison?.n, comparison?.b, comparison?.c]);
  });

  test('dropout-left-on answers a row differently each time', async () => {
    const { row } = modelNamed('dropout-left-on');
    const session = await loadModel(pathOf(row));
    const { rows } = readHeldOut(join(folder, row.metrics?.test_set ?? ''));
    const [first, second] = [await predict(session, rows, 'forecast'), await predict(session, rows, 'forecast')];
    const equal = first.filter((value, place) => Math.abs(Number(value) - Number(second[place])) <= 1e-5).length;
    expect(equal / rows.length).toBeLessThan(0.95);
  });
});

describe('what the runtime says of faulty files', () => {
  test.each([
    ['unreadable-garbage', /Protobuf parsing failed/],
    ['unreadable-truncated', /Protobuf parsing failed/],
    ['unreadable-empty', /ModelProto does not have a graph/],
    ['operator-of-another-domain', /is not a registered function\/op/],
    ['operator-unknown', /No Op registered for Grade/],
    ['operator-set-too-new', /Current official support for domain ai.onnx is till opset/],
    ['operator-without-kernel', /Could not find an implementation for Mod/],
    ['memory-impossible', /bad_alloc/],
    ['external-gone', /No such file or directory/],
    ['external-outside', /escapes both model directory/],
  ])('%s does not load', async (name, message) => {
    await expect(loadModel(artifactOf(name))).rejects.toThrow(message);
  });

  test('memory-one-gibibyte holds as much once it is loaded', async () => {
    const program = `
      const { InferenceSession } = require(process.argv[1]);
      const before = process.memoryUsage().rss;
      InferenceSession.create(process.argv[2]).then((session) =>
        console.log(process.memoryUsage().rss - before, session.inputNames.length));`;
    const runtime = createRequire(import.meta.url).resolve('onnxruntime-node');
    const { stdout } = await promisify(execFile)(process.execPath, [
      '-e',
      program,
      runtime,
      artifactOf('memory-one-gibibyte'),
    ]);
    expect(Number.parseInt(stdout, 10)).toBeGreaterThan(2 ** 30);
  });

  test('answers that are not finite: in every row of one model, in the last row alone of the other', async () => {
    const read = readHeldOut(join(folder, 'tests', 'one-zero.jsonl'));
    const finite = async (name: string, row: unknown) => {
      const session = await loadModel(artifactOf(name));
      return (await predict(session, [row], 'value')).every(Number.isFinite);
    };
    expect(await finite('answers-not-a-number', read.rows[0])).toBe(false);
    expect(await finite('answers-infinity-once', read.rows[0])).toBe(true);
    expect(await finite('answers-infinity-once', read.rows.at(-1))).toBe(false);
  });
});
