import { createHash } from 'node:crypto';
import { closeSync, createReadStream, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bulkWorkerFlags } from '../../src/stack/programs/programs.js';
import type { Engine } from '../support/engine.js';
import { nothingLeft, PaperworkStack } from '../support/paperwork-stack.js';

/** A file of more than 2 GiB among thousands of small ones, and how much memory the worker takes meanwhile. */
const limit = 600_000;
const worker = 'worker-bulk-1';
const size = 2 ** 31 + 1;
const files = 4000;
const maxResidentBytes = 250 * 1024 * 1024;
let tree: PaperworkStack;
let engine: Engine;

beforeAll(async () => {
  tree = await PaperworkStack.create();
  for (let id = 1; id <= files; id++) tree.write(`${id % 50}/${id}`, `${id}`.repeat(1 + (id % 8000)));
  await tree.databases.legacy.query(
    `insert into paperwork_files (id, path, metadata)
     select id, id % 50 || '/' || id, jsonb_build_object('text', repeat('x', id % 3000)) from generate_series(1, $1) as id`,
    [files],
  );
  const file = openSync(join(tree.folder, 'large'), 'w');
  ftruncateSync(file, size);
  for (const position of [0, 2 ** 30, size - 4]) writeSync(file, 'here', position);
  closeSync(file);
  await tree.databases.legacy.query(`update paperwork_files set path = 'large', size = $1 where id = 2000`, [size]);
  engine = await tree.startEngine(worker, bulkWorkerFlags);
}, limit);
afterAll(async () => {
  await engine?.stop();
  await tree?.drop();
}, limit);

function peakResidentBytes(): number {
  const status = readFileSync(`/proc/${engine.program(worker).pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test('moves, is verified and rolled back in constant memory', { timeout: limit }, async () => {
  const { status } = await engine.call('POST', '/v1/migrations/paperwork-files', { id: 'large' });
  expect(status).toBe(202);
  const view = await engine.waitFor('large', 'verified', ({ status: now }) => now === 'waiting', 400_000);
  expect(view.progress).toMatchObject({ migrated: files, rejected: 0 });
  expect(view.verification).toMatchObject({ status: 'clean' });
  const { rows } = await tree.databases.cube.query<{ sha256: string }>(
    'select sha256 from paperwork.files where id = 2000',
  );
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(tree.folder, 'large'))) hash.update(chunk as Buffer);
  expect(rows[0]?.sha256).toBe(hash.digest('hex'));
  const peak = peakResidentBytes();
  process.stderr.write(`the worker took ${Math.round(peak / 1024 / 1024)} MiB at most\n`);
  expect(peak).toBeLessThan(maxResidentBytes);
  await engine.steer('large', 'rollback');
  await engine.waitFor('large', 'rolled back', ({ status: now }) => now === 'rolled_back', 90_000);
  expect(await tree.left()).toEqual(nothingLeft);
});
