import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { layOutModels } from './ai-models/lay-out.js';
import { generateCrawler } from './crawler/generate.js';
import { type SpecialJobSet, specialJobSets } from './crawler/special/special-jobs.js';
import { fillLegacy, isFilled } from './fill.js';
import { generatePaperwork } from './paperwork/generate.js';
import { layOutPaperwork } from './paperwork/lay-out.js';
import { type SpecialSet, specialSets } from './paperwork/special/special-files.js';

/**
 * Fills LEGACY_DATABASE_URL: `node dist/legacy/main.js --records 100000 [--seed 7] [--answers FILE] [--models FOLDER] [--paperwork FOLDER
 * [--files 400] [--special few|all|all-and-large]] [--crawler ORIGIN [--jobs 60] [--special-jobs few|all]] [--if-empty]`; in the folders it lays
 * out AI models, and paperwork files; the jobs crawl the site of this origin.
 */
const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '7' },
    answers: { type: 'string' },
    models: { type: 'string' },
    paperwork: { type: 'string' },
    files: { type: 'string', default: '400' },
    special: { type: 'string', default: 'few' },
    crawler: { type: 'string' },
    jobs: { type: 'string', default: '60' },
    'special-jobs': { type: 'string', default: 'few' },
    'if-empty': { type: 'boolean', default: false },
  },
});
const url = process.env.LEGACY_DATABASE_URL;
if (url === undefined) throw new Error('LEGACY_DATABASE_URL is not set.');
const records = wholeNumber('records');
const files = wholeNumber('files');
const special = oneOf<SpecialSet>('special', specialSets);
const jobs = wholeNumber('jobs');
const specialJobs = oneOf<SpecialJobSet>('special-jobs', specialJobSets);

const log = (text: string) => process.stderr.write(`${text}\n`);
if (values['if-empty'] && (await isFilled(url)))
  log('legacy stand-in: its tables are there already; nothing was changed');
else await fill(url);

function oneOf<Word extends string>(name: 'special' | 'special-jobs', words: readonly Word[]): Word {
  const found = words.find((word) => word === values[name]);
  if (found === undefined) throw new Error(`--${name} takes ${words.join(', ')}.`);
  return found;
}

function wholeNumber(name: 'records' | 'files' | 'jobs'): number {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} takes a whole number.`);
  return number;
}

function emptyFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const left of readdirSync(folder)) rmSync(join(folder, left), { recursive: true });
  return folder;
}

async function fill(url: string): Promise<void> {
  const started = performance.now();
  const { models, paperwork: papers } = values;
  const seed = Number(values.seed);
  // The files are there before the rows that name them; what an interrupted call left is laid out anew.
  if (models !== undefined) layOutModels(emptyFolder(models));
  const paperwork = papers === undefined ? undefined : generatePaperwork({ files, seed, special });
  if (papers !== undefined && paperwork !== undefined) await layOutPaperwork(emptyFolder(papers), paperwork.entries);
  const { crawler: site } = values;
  const crawler = site === undefined ? undefined : generateCrawler({ jobs, seed, special: specialJobs, site });
  const filled = await fillLegacy({ url, records, seed, models: models !== undefined, paperwork, crawler, log });
  if (values.answers !== undefined) {
    const lines = [...filled.rejected].map(([id, reason]) => JSON.stringify({ id, reason }));
    writeFileSync(values.answers, `${lines.join('\n')}\n`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  log(`legacy stand-in: ${filled.records} saju records in ${seconds} s, ${filled.rejected.size} of them wrong`);
}
