import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CrashPoint } from '../../src/base/crash-points.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { until } from '../support/conditions.js';
import type { Engine } from '../support/engine.js';
import { nothingLeft, PaperworkStack } from '../support/paperwork-stack.js';

/** A bulk worker that is killed between two side effects of moving files. */
const limit = 400_000;
const worker = 'worker-bulk-1';
const files = 600;
let tree: PaperworkStack;
let engine: Engine;
let runs = 0;

beforeAll(async () => {
  tree = await PaperworkStack.create();
  for (let id = 1; id <= files; id++) tree.write(`${id % 7}/file ${id}`, `content ${id % 500}`);
  await tree.databases.legacy.query(
    `insert into paperwork_files (id, path, size, mime_type, created_at)
     select id, id % 7 || '/file ' || id, length('content ' || id % 500), 'text/plain', now() from generate_series(1, $1) as id`,
    [files],
  );
  await tree.databases.legacy.query(
    `insert into paperwork_results (id, file_id, kind, result) select id, id, 'text', '{"text": "a"}' from paperwork_files`,
  );
  engine = await tree.startEngine(worker);
}, limit);
afterAll(async () => {
  await engine?.stop();
  await tree?.drop();
}, limit);

/** Starts a run whose worker kills itself at the point, and waits until it has. */
async function startAndKill(point: CrashPoint): Promise<string> {
  await engine.kill(worker);
  engine.startProgram(worker, { CUBESHIFT_CRASH_POINT: point });
  const id = `killed-${++runs}`;
  const { status } = await engine.call('POST', '/v1/migrations/paperwork-files', { id, options: { lanes: 1 } });
  expect(status).toBe(202);
  await until(`the worker to be killed at ${point}`, async () => !engine.isAlive(worker), 60_000);
  return id;
}

const verified = ({ status, stage }: MigrationView) => status === 'waiting' && stage === 'verified';

async function rollBack(id: string): Promise<void> {
  await engine.steer(id, 'rollback');
  await engine.waitFor(id, 'rolled back', ({ status }) => status === 'rolled_back', 90_000);
  if (existsSync(tree.store)) expect(await tree.left()).toEqual(nothingLeft);
}

async function expectAllMoved(id: string, rows: number): Promise<void> {
  const view = await engine.waitFor(id, 'verified', verified, 120_000);
  expect(view.progress).toMatchObject({ migrated: rows, rejected: 0 });
  expect(view.verification).toMatchObject({ status: 'clean' });
  for (const [path, content] of await tree.moved())
    expect(content?.equals(readFileSync(join(tree.folder, path)))).toBe(true);
}

test.each([
  'after-contents-staged',
  'after-intent',
  'after-artifact-stored',
  'before-chunk-commit',
  'after-chunk-commit',
] as const)(
  'killed at %s, the run is finished by the next worker, and a rollback leaves nothing',
  {
    timeout: limit,
  },
  async (point) => {
    const id = await startAndKill(point);
    engine.startProgram(worker);
    await expectAllMoved(id, files * 2);
    await rollBack(id);
  },
);

test.each(['after-contents-staged', 'after-artifact-stored'] as const)(
  'killed at %s, a run that is rolled back at once leaves nothing',
  { timeout: limit },
  async (point) => {
    const id = await startAndKill(point);
    engine.startProgram(worker);
    await rollBack(id);
  },
);

test.each(['before-contents-leave', 'after-contents-left'] as const)(
  'killed at %s of its rollback, the next worker finishes it',
  { timeout: limit },
  async (point) => {
    await engine.kill(worker);
    engine.startProgram(worker, { CUBESHIFT_CRASH_POINT: point });
    const id = `killed-${++runs}`;
    await engine.call('POST', '/v1/migrations/paperwork-files', { id, options: { lanes: 1 } });
    await expectAllMoved(id, files * 2);
    await engine.steer(id, 'rollback');
    await until(`the worker to be killed at ${point}`, async () => !engine.isAlive(worker), 60_000);
    engine.startProgram(worker);
    await engine.waitFor(id, 'rolled back', ({ status }) => status === 'rolled_back', 90_000);
    expect(await tree.left()).toEqual(nothingLeft);
  },
);

test('killed after a part of a large file, the next worker goes on with the next part', {
  timeout: limit,
}, async () => {
  const size = 200 * 1024 * 1024;
  const file = openSync(join(tree.folder, 'large'), 'w');
  ftruncateSync(file, size);
  for (const position of [0, 70 * 1024 * 1024, size - 4]) writeSync(file, 'here', position);
  closeSync(file);
  await tree.addRow(files + 1, 'large', { size });
  const id = await startAndKill('after-part-recorded');
  const parts = await tree.databases.cube.query('select part from storage.parts');
  expect(parts.rows).toEqual([{ part: 0 }]);
  engine.startProgram(worker);
  await expectAllMoved(id, files * 2 + 1);
  await rollBack(id);
});
