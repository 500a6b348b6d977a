import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { layOutModels } from './ai-models/lay-out.js';
import { fillLegacy, isFilled } from './fill.js';

/** Fills LEGACY_DATABASE_URL: `node dist/legacy/main.js --records 100000 [--seed 7] [--answers FILE] [--models FOLDER] [--if-empty]`; in FOLDER it lays out AI models. */
const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '7' },
    answers: { type: 'string' },
    models: { type: 'string' },
    'if-empty': { type: 'boolean', default: false },
  },
});
const url = process.env.LEGACY_DATABASE_URL;
if (url === undefined) throw new Error('LEGACY_DATABASE_URL is not set.');
const records = Number(values.records);
if (!Number.isInteger(records) || records < 0) throw new Error('--records takes a whole number.');

const log = (text: string) => process.stderr.write(`${text}\n`);
if (values['if-empty'] && (await isFilled(url)))
  log('legacy stand-in: its tables are there already; nothing was changed');
else await fill(url);

async function fill(url: string): Promise<void> {
  const started = performance.now();
  const { models } = values;
  // The files are there before the rows that name them; what an interrupted call left is laid out anew.
  if (models !== undefined) {
    mkdirSync(models, { recursive: true, mode: 0o700 });
    for (const left of readdirSync(models)) rmSync(join(models, left), { recursive: true });
    layOutModels(models);
  }
  const filled = await fillLegacy({ url, records, seed: Number(values.seed), models: models !== undefined, log });
  if (values.answers !== undefined) {
    const lines = [...filled.rejected].map(([id, reason]) => JSON.stringify({ id, reason }));
    writeFileSync(values.answers, `${lines.join('\n')}\n`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  log(`legacy stand-in: ${filled.records} saju records in ${seconds} s, ${filled.rejected.size} of them wrong`);
}
