// Makes a checkout runnable: installs packages and builds, each only when something changed. No dependencies.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmFailure } from './npm-failure.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const installStamp = join(root, 'node_modules', '.cubeshift-installed');
const buildStamp = join(root, 'dist', '.cubeshift-built');
const lock = join(root, 'node_modules.lock');

/** Installs and builds what is missing; ends the process when that fails. */
export function prepare() {
  if (isInstalled() && isBuilt()) return;
  withLock(() => {
    if (!isInstalled()) {
      say('installing packages (about a minute the first time)');
      const began = performance.now();
      // Not `npm ci`: it refuses a lock that does not list the optional packages of every other platform,
      // and a registry mirror may carry only some of them. `--no-save` takes versions and checksums from the lock too.
      runNpm(['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', ...boundedWaiting]);
      writeFileSync(installStamp, fingerprint(['package-lock.json']));
      say(`installed in ${secondsSince(began)}`);
    }
    if (!isBuilt()) {
      say('building');
      const began = performance.now();
      // Of the sources that are built, whatever is edited meanwhile.
      const built = sourcesFingerprint();
      // A build that is killed half way is none, whatever stood there before.
      rmSync(buildStamp, { force: true });
      runNode([join('scripts', 'build.mjs')]);
      // Declarations of what the package publishes, by a browser's library alone: Node's types must not creep in.
      runNode([join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.client.json']);
      writeFileSync(buildStamp, built);
      say(`built in ${secondsSince(began)}`);
    }
  });
}

function isInstalled() {
  return read(installStamp) === fingerprint(['package-lock.json']);
}

function isBuilt() {
  return read(buildStamp) === sourcesFingerprint();
}

function sourcesFingerprint() {
  const folders = ['src', 'legacy', 'bench', 'demo'].filter((folder) => existsSync(join(root, folder)));
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
  );
  return fingerprint([
    'package-lock.json',
    'tsconfig.json',
    'scripts/build.mjs',
    'scripts/built-from.mjs',
    'tsconfig.client.json',
    ...files.filter((file) => /\.(ts|json)$/.test(file)).sort(),
  ]);
}

function fingerprint(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** A registry that refuses connections ends it within ten seconds, one that does not answer within two minutes; npm's own bounds are 80 s and 17 min. */
const boundedWaiting = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000', '--fetch-timeout=30000'];

function runNpm(args) {
  // Kept back until it is known whether it failed: three sentences then say more than npm's lines.
  const { status, signal, error, stderr } = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 2, 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (status === 0) return;
  const { exitCode, sentences } =
    signal === null
      ? npmFailure({ stderr: stderr ?? '', code: error?.code }, root, process.env)
      : {
          exitCode: 1,
          sentences: [
            `\`npm install\` was ended by ${signal}.`,
            'Nothing was started.',
            'Type the same again to go on.',
          ],
        };
  fail(exitCode, sentences);
}

function runNode(args) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  fail(1, [
    `\`node ${args[0]}\` failed${error ? `: ${error.message}` : '; the lines above say why'}.`,
    'Nothing was started.',
    'Correct what they name, then type the same again.',
  ]);
}

function fail(exitCode, sentences) {
  rmSync(lock, { force: true });
  for (const sentence of sentences) say(sentence);
  process.exit(exitCode);
}

/** Two commands started at once prepare one after the other; the lock of one that was killed is taken over. */
function withLock(work) {
  while (!takeLock()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function takeLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holder = Number(read(lock));
  if (holder > 0 && !isAlive(holder)) rmSync(lock, { force: true });
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function secondsSince(began) {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) prepare();
