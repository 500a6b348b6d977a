// Does one thing with the folder store `STORE_ROOT`: `store-victim.mjs SCENARIO`, with `store-effects.mjs` before it. What is on record of
// parts lies in `STORE_ROOT.parts`, files to store in `STORE_ROOT.source`.
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { effect } from './store-effects.mjs';

const [scenario, ...addresses] = process.argv.slice(2);
const root = process.env.STORE_ROOT;
const partsFile = `${root}.parts`;

const built = (file) => import(new URL(`../../dist/src/storage/${file}.js`, import.meta.url).href);
const { createFolderStore } = await built('folder-store');
const { readInside } = await built('inside-folder');
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
  files: async () => {
    const folder = { path: `${root}.source`, variable: 'LEGACY_STORAGE_DIR' };
    mkdirSync(folder.path, { recursive: true });
    for (const [name, one] of texts.entries()) writeFileSync(`${folder.path}/${name}`, one);
    const read = await store.stageMany('work', (stage) =>
      Promise.all(texts.map((_, name) => readInside(folder, String(name), stage))),
    );
    await store.keepMany(read.map(({ value }) => value));
  },
  'large batch': async () => {
    const many = Array.from({ length: 20 }, (_, index) => `content ${index}`);
    await store.keepMany(await store.stageMany('work', (stage) => Promise.all(many.map((one) => stage(chunks(one))))));
  },
  parts: async () => {
    const content = { size: text.length, stat: 'same', from: (position) => chunks(text.slice(position)) };
    await (await store.stageInParts(content, { owner: 'work', name: '5', records })).keep();
  },
  'put back': async () => (await store.withdrawMany(addresses, 'work')).putBack(),
  remove: async () => (await store.withdrawMany(addresses, 'work')).delete(),
}[scenario]();
appendFileSync(`${root}.trace`, `${JSON.stringify(['done'])}\n`);
