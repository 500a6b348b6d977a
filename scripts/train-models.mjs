// Trains the models of the legacy stand-in anew, from fixed seeds, and compares: npm run models:train
// It fails when a held-out set, an expected outcome or an accuracy is another than the committed one; whether the bytes of the
// models are equal too, which other processors need not give, it says. With `-- --write` what was trained replaces the files.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
prepare();
const { defaultCacheFolder } = await import('../dist/src/stack/downloads/fetch.js');

const home = join('legacy', 'ai-models');
const bounds = join('test', 'data', 'score-interval-bounds.csv');
const scratch = mkdtempSync(join(tmpdir(), 'cubeshift-models-'));
try {
  const trained = join(scratch, 'trained');
  const began = performance.now();
  run(python(), ['-E', '-s', '-B', join(home, 'training', 'build.py'), trained]);
  formatJson(trained);
  say(`trained in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  if (values.write) replace(trained);
  else process.exitCode = compare(trained) ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Python with the packages of requirements.txt, in a folder of the cache that is made once. */
function python() {
  const requirements = join(home, 'training', 'requirements.txt');
  const sum = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = defaultCacheFolder(process.env);
  const folder = join(cache, `models-python-${sum}`);
  const program = join(folder, 'bin', 'python');
  const done = join(folder, 'installed');
  if (existsSync(done)) return program;
  say(`installing scikit-learn and what else training needs (once; kept in ${cache})`);
  mkdirSync(cache, { recursive: true });
  run('python3', ['-I', '-m', 'venv', '--clear', folder]);
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  run(program, ['-I', '-m', 'pip', 'install', ...options, '-r', requirements]);
  mkdirSync(done);
  return program;
}

/** One thread: sums are made in one order. */
function run(program, args) {
  const environment = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1', PYTHONHASHSEED: '0' };
  const { status, error } = spawnSync(program, args, { env: environment, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  throw new Error(`${program} ${args.join(' ')} ended with ${error?.message ?? `status ${status}`}`);
}

/** As `npm run check` wants JSON. The formatter reads files of the project alone, hence through its standard input. */
function formatJson(folder) {
  for (const name of ['manifest.json', 'expected.json']) {
    const path = join(folder, name);
    const args = ['node_modules/@biomejs/biome/bin/biome', 'format', `--stdin-file-path=${join(home, name)}`];
    const { status, stdout } = spawnSync(process.execPath, args, {
      input: readFileSync(path),
      maxBuffer: 2 ** 26,
      stdio: ['pipe', 'pipe', 2],
    });
    if (status !== 0) throw new Error(`${name} could not be formatted`);
    writeFileSync(path, stdout);
  }
}

function replace(trained) {
  for (const name of ['models', 'earlier', 'outside']) rmSync(join(home, name), { recursive: true, force: true });
  for (const name of readdirSync(trained)) {
    if (name === 'score-interval-bounds.csv') cpSync(join(trained, name), bounds);
    else cpSync(join(trained, name), join(home, name), { recursive: true });
  }
  say(`written to ${home} and ${bounds}`);
}

/** Whether what was trained is as good as what is committed. */
function compare(trained) {
  const [before, after] = [home, trained].map((folder) => modelsByName(folder));
  const wrong = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const differences = differencesOf(before.get(name), after.get(name));
    if (differences.length > 0) wrong.push(`${name}: ${differences.join(', ')}`);
  }
  if (!readFileSync(bounds).equals(readFileSync(join(trained, 'score-interval-bounds.csv'))))
    wrong.push(`${bounds} is another`);
  const files = filesOf(trained);
  const other = files.filter((file) => {
    const committed = join(home, file);
    return !existsSync(committed) || !readFileSync(committed).equals(readFileSync(join(trained, file)));
  });
  say(
    other.length === 0
      ? `all ${files.length} files are the same, byte for byte`
      : `${other.length} of ${files.length} files have other bytes: ${other.join(', ')}`,
  );
  for (const line of wrong) say(line);
  if (wrong.length === 0) say(`all ${after.size} models: the same held-out sets, outcomes and accuracies`);
  return wrong.length === 0;
}

function modelsByName(folder) {
  const read = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const expected = read('expected');
  return new Map(
    read('manifest').models.map(({ row, loaded }) => [row.name, { row, loaded, expected: expected[row.name] }]),
  );
}

function differencesOf(before, after) {
  if (before === undefined || after === undefined) return [before === undefined ? 'is new' : 'is gone'];
  const differences = [];
  if (before.expected.outcome !== after.expected.outcome) differences.push(`outcome ${after.expected.outcome}`);
  // Rows that two versions of a model answer differently are picked by their answers, and on another processor a few answers may differ.
  const picked = after.loaded !== undefined;
  if (!picked && before.row.metrics?.test_sha256 !== after.row.metrics?.test_sha256)
    differences.push('another held-out set');
  const figures = [
    ['accuracy', before.row.metrics?.accuracy, after.row.metrics?.accuracy],
    [
      'accuracy of the int8 form',
      before.expected.int8?.comparison.cube_accuracy,
      after.expected.int8?.comparison.cube_accuracy,
    ],
  ];
  for (const [what, then, now] of figures)
    if (then !== now && !(Math.abs(then - now) <= 0.02)) differences.push(`${what} ${now}, not ${then}`);
  const [then, now] = [before, after].map(({ row }) => row.metrics?.mean_absolute_error);
  if (then !== now && !(Math.abs(now / then - 1) <= 0.02)) differences.push(`mean absolute error ${now}, not ${then}`);
  return differences;
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((file) => file !== 'score-interval-bounds.csv')
    .sort();
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
