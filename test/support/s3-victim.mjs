// Does one thing with the store at an S3 server whose settings are `S3_SETTINGS`: `s3-victim.mjs SCENARIO`. What is on record of parts lies
// in the file `PARTS`.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const [scenario, ...addresses] = process.argv.slice(2);
const { S3_SETTINGS, PARTS } = process.env;
const { createS3Store } = await import(new URL('../../dist/src/storage/s3-store.js', import.meta.url).href);
const mebibyte = 1024 * 1024;
const store = createS3Store(JSON.parse(S3_SETTINGS), { partBytes: 5 * mebibyte, attempts: 1 });

async function* chunks(text) {
  yield Buffer.from(text);
}

async function* large(position = 0) {
  for (let at = position; at < 12 * mebibyte; at += mebibyte) yield Buffer.alloc(mebibyte, 'paperwork ');
}

const records = {
  list: async () => {
    try {
      return JSON.parse(readFileSync(PARTS, 'utf8'));
    } catch {
      return [];
    }
  },
  add: async (index, part, source) => {
    const parts = await records.list();
    parts[index] = { ...part, source };
    writeFileSync(PARTS, JSON.stringify(parts));
  },
  forget: async () => rmSync(PARTS, { force: true }),
};

await {
  batch: async () => {
    const texts = ['one', 'two', 'one'];
    await store.keepMany(await store.stageMany('work', (stage) => Promise.all(texts.map((one) => stage(chunks(one))))));
  },
  large: async () => (await store.stage(large(), 'work')).keep(),
  parts: async () => {
    const content = { size: 12 * mebibyte, stat: 'same', from: large };
    await (await store.stageInParts(content, { owner: 'work', name: '5', records })).keep();
  },
  'put back': async () => (await store.withdrawMany(addresses, 'work')).putBack(),
  remove: async () => (await store.withdrawMany(addresses, 'work')).delete(),
}[scenario]();
