import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { DocumentsStack } from '../support/documents-stack.js';
import { Engine } from '../support/engine.js';

/** Results of documents on their way into the cube. */
let stack: DocumentsStack;
let engine: Engine;
beforeAll(async () => {
  stack = await DocumentsStack.start();
  const { databases, folder, storeFolder } = stack.services;
  await databases.legacy.query('delete from paperwork_results; delete from paperwork_files');
  engine = await Engine.start({
    ...databases,
    apart: ['worker-bulk'],
    environment: { 'worker-bulk-1': { LEGACY_STORAGE_DIR: folder, CUBE_STORAGE_URL: storeFolder } },
  });
});
afterAll(async () => {
  await engine.stop();
  await stack.stop();
});

test('a result moves with its file, or with the next pass, and says in a column what made it', async () => {
  const before = await stack.processed('before.txt', '이전', 'text');
  const { status } = await engine.call('POST', '/v1/migrations/paperwork-files', { id: 'first' });
  expect(status).toBe(202);
  await engine.waitFor('first', 'verified', (view) => view.status === 'waiting' && view.stage === 'verified');
  const after = await stack.processed('after.txt', '이후', 'text');
  await engine.steer('first', 'verify');
  const moved = async () =>
    (
      await stack.services.databases.cube.query(
        `select id::int, file_id::int, kind, result ->> 'text' as text, made_by from paperwork.results order by id`,
      )
    ).rows;
  await until('the pass', async () => (await moved()).length === 2);
  const rowOf = ({ id, results }: typeof before, text: string) => ({
    id: results[0]?.id,
    file_id: id,
    kind: 'text',
    text,
    made_by: results[0]?.result.made_by,
  });
  expect(await moved()).toEqual([rowOf(before, '이전'), rowOf(after, '이후')]);
  expect(before.results[0]?.result.made_by).toMatch(/^Node\.js /);
  const view = await engine.waitFor(
    'first',
    'at rest again',
    ({ status: now, stage }) => now === 'waiting' && stage === 'verified',
  );
  expect(view.verification).toMatchObject({ status: 'clean' });
});
