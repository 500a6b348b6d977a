import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LegacyModel, legacyModels } from '../../legacy/ai-models/manifest.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { Programs } from '../engine.js';
import { Lab, withClient } from '../lab.js';
import { spread } from '../statistics.js';
import { AiServices } from './services.js';

/** Fifty models, moved by the engine and copied by a loop, in turn. */
export interface MovingFigures {
  readonly models: number;
  readonly megabytes: number;
  /** Seconds of a round: validated, imported, compared, activated; then verified; then rolled back. */
  readonly rounds: readonly {
    readonly moved: number;
    readonly verified: number;
    readonly undone: number;
    readonly loop: number;
  }[];
  /** Resident megabytes of the bulk worker after each round, whose imports add up. */
  readonly workerMegabytes: readonly number[];
}

export interface MovingOptions {
  readonly models: number;
  readonly rounds: number;
}

/** Of 34 kB to 4 MB. */
const names = ['digits-reservoir', 'tumour-forest', 'friedman-boosting', 'korean-documents', 'visit-no-show'];
const maxMillis = 15 * 60_000;

/** Moves models of several sizes as the engine does in operation: a control worker, a bulk worker, the control API and both services. */
export async function measureMoving(options: MovingOptions, log: (text: string) => void): Promise<MovingFigures> {
  const lab = await Lab.open(log);
  try {
    const services = await AiServices.start(lab);
    try {
      return await measureRounds(lab, services, options, log);
    } finally {
      await services.stop();
    }
  } finally {
    await lab.close();
  }
}

async function measureRounds(
  lab: Lab,
  services: AiServices,
  { models, rounds }: MovingOptions,
  log: (text: string) => void,
): Promise<MovingFigures> {
  const files = await fillLegacy(services, models);
  const programs = new Programs(lab, services.source, services.target);
  const measured: MovingFigures['rounds'][number][] = [];
  const workerMegabytes: number[] = [];
  try {
    await programs.start(1, services.workerVariables);
    for (let round = 0; round < rounds; round++) {
      const loop = copyAndHash(files, join(services.folder, `copies-${round}`));
      const id = `fifty-${round}`;
      const begun = performance.now();
      await programs.call('POST', '/v1/migrations/ai-models', { id });
      const since = (from: number) => (performance.now() - from) / 1000;
      await programs.untilView(id, ({ stage }) => stage !== 'preflight' && stage !== 'copying', maxMillis);
      const moved = since(begun);
      const rested = await programs.untilView(id, ({ status }) => status !== 'running', maxMillis);
      assertMoved(rested, models);
      const verified = since(begun) - moved;
      const rollback = performance.now();
      await programs.call('POST', `/v1/migrations/${id}/rollback`);
      await programs.untilView(id, ({ status }) => status === 'rolled_back', maxMillis);
      measured.push({ moved, verified, undone: since(rollback), loop });
      // What it holds at rest.
      await sleep(2000);
      workerMegabytes.push(programs.bulkMegabytes());
      log(
        `${models} models: ${moved.toFixed(1)} s, verified in ${verified.toFixed(1)} s; the loop ${loop.toFixed(2)} s`,
      );
    }
  } finally {
    await programs.stop();
  }
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return { models, megabytes: bytes / 1e6, rounds: measured, workerMegabytes };
}

function assertMoved({ status, stage, progress, error }: MigrationView, count: number): void {
  if (status !== 'waiting' || stage !== 'verified' || progress.migrated !== count)
    throw new Error(
      `The models are ${status} at ${stage}, ${progress.migrated} of them moved: ${error?.message ?? ''}`,
    );
}

/** Rows of legacy in place of those that are there, each with a file of its own bytes; returns the files. */
async function fillLegacy(services: AiServices, count: number): Promise<readonly string[]> {
  const folder = join(services.folder, 'models');
  mkdirSync(join(folder, 'bench'));
  const files: string[] = [];
  await withClient(services.source.url, async (client) => {
    await client.query('truncate ai_models');
    for (let place = 0; place < count; place++) {
      const model = modelOf(names[place % names.length] ?? '');
      const { version, framework, artifact_path, input_schema, metrics } = model.row;
      const path = `bench/${place}.onnx`;
      const bytes = Buffer.concat([readFileSync(join(folder, artifact_path ?? '')), named(place)]);
      writeFileSync(join(folder, path), bytes);
      files.push(join(folder, path));
      const { int8: _, ...declared } = (metrics ?? {}) as Readonly<Record<string, unknown>>;
      await client.query(
        `insert into ai_models (id, name, version, framework, artifact_path, sha256, input_schema, metrics, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
        [
          1000 + place,
          `bench-${place}`,
          version,
          framework,
          path,
          createHash('sha256').update(bytes).digest('hex'),
          JSON.stringify(input_schema),
          JSON.stringify(declared),
        ],
      );
    }
  });
  return files;
}

function modelOf(name: string): LegacyModel {
  const model = legacyModels().find(({ row }) => row.name === name);
  if (model === undefined) throw new Error(`there is no model ${name}`);
  return model;
}

/** `ModelProto.metadata_props`, a field that may stand at the end of a graph and that nothing computes with. */
function named(place: number): Buffer {
  const text = (field: number, value: string) => Buffer.from([field * 8 + 2, value.length, ...Buffer.from(value)]);
  const entry = Buffer.concat([text(1, 'bench'), text(2, String(place))]);
  return Buffer.concat([Buffer.from([14 * 8 + 2, entry.length]), entry]);
}

/** What has to be done at least: each file read, written durably elsewhere, and hashed. Returns seconds. */
function copyAndHash(files: readonly string[], folder: string): number {
  mkdirSync(folder);
  const begun = performance.now();
  for (const [place, file] of files.entries()) {
    const copy = join(folder, String(place));
    copyFileSync(file, copy);
    const opened = openSync(copy, 'r');
    fsyncSync(opened);
    closeSync(opened);
    createHash('sha256').update(readFileSync(copy)).digest('hex');
  }
  const seconds = (performance.now() - begun) / 1000;
  rmSync(folder, { recursive: true });
  return seconds;
}

/** The part of the results; `ground` says when, where and with which versions. */
export function renderMoving(
  { models, megabytes, rounds, workerMegabytes }: MovingFigures,
  ground: readonly string[],
): string {
  const seconds = (of: (round: MovingFigures['rounds'][number]) => number) => spread(rounds.map(of));
  const imports = rounds.map((_, round) => models * (round + 1)).join(', ');
  return [
    `## Moving ${models} AI models (${rounds.length} rounds, in turn with a loop that copies and hashes them)`,
    '',
    'Written by `npm run bench -- moving`; do not edit. Seconds; medians with least and most in brackets.',
    '',
    ...ground.map((line) => `- ${line}`),
    '',
    '| models | engine: validated, imported, compared, activated | verified: every byte, a prediction each | rolled back | loop: copied, durable, hashed |',
    '|---|---|---|---|---|',
    `| ${models}, ${megabytes.toFixed(0)} MB | ${seconds(({ moved }) => moved)} | ${seconds(({ verified }) => verified)} | ${seconds(({ undone }) => undone)} | ${seconds(({ loop }) => loop)} |`,
    '',
    `One bulk worker, which loads each model in a process of its own and compares its answers with legacy's over HTTP; the loop does neither. Resident memory of the worker at rest`,
    `after ${imports} imports: ${workerMegabytes.map((size) => size.toFixed(0)).join(', ')} MB.`,
  ].join('\n');
}
