// Preloaded into a program that uses a folder store, and into its file threads: writes each side effect to `STORE_ROOT.trace` before the
// store has it, and kills the program before the one whose number is `KILL_AT`; 0 is none.
import fs, { appendFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import threads, { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const { STORE_ROOT, KILL_AT } = process.env;
if (isMainThread) setEnvironmentData('effects', new SharedArrayBuffer(4));
const effects = new Int32Array(getEnvironmentData('effects'));

export function effect(...words) {
  if (Atomics.add(effects, 0, 1) + 1 === Number(KILL_AT)) process.kill(process.pid, 'SIGKILL');
  appendFileSync(`${STORE_ROOT}.trace`, `${JSON.stringify(words)}\n`);
}

const isOfStore = (path) => String(path).startsWith(`${STORE_ROOT}/`) || String(path) === STORE_ROOT;

const { open } = promises;
const probe = await open('/dev/null');
const handles = Object.getPrototypeOf(probe);
await probe.close();
const paths = new WeakMap();

for (const name of ['mkdir', 'rename', 'link', 'rm']) {
  const real = promises[name];
  promises[name] = (...args) => {
    effect(name, String(args[0]), ['rename', 'link'].includes(name) ? String(args[1]) : '');
    return real(...args);
  };
}
promises.open = async (path, flags, ...rest) => {
  if (flags === 'wx') effect('create', path);
  const handle = await open(path, flags, ...rest);
  paths.set(handle, path);
  return handle;
};
for (const name of ['write', 'sync', 'datasync', 'truncate']) {
  const real = handles[name];
  handles[name] = function (...args) {
    effect(name, paths.get(this));
    return real.apply(this, args);
  };
}

// Those that a file thread makes; the trace itself is written by others.
const { openSync, writeSync, renameSync, rmSync } = fs;
const opened = new Map();
fs.openSync = (path, flags, ...rest) => {
  if (flags === 'wx' && isOfStore(path)) effect('create', path);
  const fd = openSync(path, flags, ...rest);
  if (flags === 'wx' && isOfStore(path)) opened.set(fd, path);
  return fd;
};
fs.writeSync = (fd, ...rest) => {
  if (opened.has(fd)) effect('write', opened.get(fd));
  return writeSync(fd, ...rest);
};
fs.renameSync = (from, to) => {
  effect('rename', from, to);
  return renameSync(from, to);
};
fs.rmSync = (path, ...rest) => {
  if (isOfStore(path)) effect('rm', path);
  return rmSync(path, ...rest);
};
threads.Worker = class extends threads.Worker {
  constructor(program, options) {
    super(program, { ...options, execArgv: ['--import', import.meta.url] });
  }
};
syncBuiltinESMExports();
