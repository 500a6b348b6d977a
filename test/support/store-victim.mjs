// Does one thing with a folder store, writing each side effect to a trace before it has it, and kills itself before the one whose number it
// is given: `store-victim.mjs ROOT SCENARIO KILL_AT`; 0 is none. What is on record of parts lies in `ROOT.parts`, the trace in `ROOT.trace`.
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const [root, scenario, killAt] = process.argv.slice(2);
const [traceFile, partsFile] = [`${root}.trace`, `${root}.parts`];
let effects = 0;

function effect(...words) {
  effects++;
  if (effects === Number(killAt)) process.kill(process.pid, 'SIGKILL');
  appendFileSync(traceFile, `${JSON.stringify(words)}\n`);
}

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
syncBuiltinESMExports();

const { createFolderStore } = await import(new URL('../../dist/src/storage/folder-store.js', import.meta.url).href);
const store = createFolderStore(root, 1000);

async function* chunks(text) {
  for (let at = 0; at < text.length; at += 500) yield Buffer.from(text.slice(at, at + 500));
}

const records = {
  list: async () => {
    try {
      return JSON.parse(readFileSync(partsFile, 'utf8'));
    } catch {
      return [];
    }
  },
  add: async (index, part, source) => {
    effect('record');
    const parts = await records.list();
    parts[index] = { ...part, source };
    writeFileSync(partsFile, JSON.stringify(parts));
  },
  forget: async () => {
    effect('forget');
    rmSync(partsFile, { force: true });
  },
};

const text = 'x'.repeat(3500);
const texts = ['one', 'two', 'one'];

await {
  single: async () => (await store.stage(chunks('one'), 'work')).keep(),
  batch: async () => {
    const blobs = await store.stageMany('work', (stage) => Promise.all(texts.map((one) => stage(chunks(one)))));
    await store.keepMany(blobs);
  },
  'large batch': async () => {
    const many = Array.from({ length: 20 }, (_, index) => `content ${index}`);
    await store.keepMany(await store.stageMany('work', (stage) => Promise.all(many.map((one) => stage(chunks(one))))));
  },
  parts: async () => {
    const content = { size: text.length, stat: 'same', from: (position) => chunks(text.slice(position)) };
    await (await store.stageInParts(content, { owner: 'work', name: '5', records })).keep();
  },
  'put back': async () => (await store.withdrawMany(process.argv.slice(5), 'work')).putBack(),
  remove: async () => (await store.withdrawMany(process.argv.slice(5), 'work')).delete(),
}[scenario]();
appendFileSync(traceFile, `${JSON.stringify(['done'])}\n`);
