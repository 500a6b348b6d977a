// Makes a checkout runnable: installs packages and builds, each only when something changed. No dependencies.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
      run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
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
      run(process.execPath, [join('scripts', 'build.mjs')]);
      // Declarations of what the package publishes, by a browser's library alone: Node's types must not creep in.
      run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.client.json']);
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

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  rmSync(lock, { force: true });
  const [first = ''] = args;
  say(
    `\`${command === process.execPath ? 'node' : command} ${first}\` failed${error ? `: ${error.message}` : '; the lines above say why'}.`,
  );
  say('Nothing was started.');
  say(
    command === 'npm'
      ? 'Correct what they name, such as the network, HTTPS_PROXY or the disk, then type the same again.'
      : 'Correct what they name, then type the same again.',
  );
  process.exit(1);
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
