import { renameSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { documentCrashPoints } from '../support/document-crash-points.js';
import { DocumentsStack } from '../support/documents-stack.js';

/** A documents worker that is killed at an instant, started again, and so on, until its document is done. */
const pages = ['첫째', '둘째', '셋째'];
const limit = 180_000;
const stacks = new Map<string, DocumentsStack>();
beforeAll(async () => {
  for (const point of documentCrashPoints) stacks.set(point, await DocumentsStack.start());
}, limit);
afterAll(async () => {
  await Promise.all([...stacks.values()].map((stack) => stack.stop()));
});

/** How often a point is reached until the document is done: a page is kept once. */
const reachedAgain: Readonly<Record<string, number>> = { 'after-page-kept': pages.length };

test.concurrent.each(documentCrashPoints)(
  'killed at %s it goes on where it was, reads no page twice that was kept, and has one result',
  async (point) => {
    const stack = stacks.get(point) ?? expect.fail(point);
    const { worker, services } = stack;
    const id = await stack.upload('killed.txt', pages.join('\f'));
    await worker.end();
    await stack.request(id, 'text');
    const kept = async () =>
      (await services.databases.cube.query('select page from paperwork.read_pages order by page')).rows.length;
    for (let death = 1; death <= (reachedAgain[point] ?? 1); death++) {
      if (point === 'after-page-kept' && death === 2) await waitsForFolder(stack, id);
      await worker.begin({ CUBESHIFT_CRASH_POINT: point });
      expect(await worker.ended()).toBe('SIGKILL');
      if (point === 'after-page-kept') expect(await kept()).toBe(death);
      if (point === 'before-page-kept') expect(await kept()).toBe(0);
    }
    await worker.begin();
    expect(await stack.reaches(id, 'text', 'done', 'failed')).toMatchObject({ state: 'done', page: 3, pages: 3 });
    expect(await stack.results(id)).toMatchObject([{ result: { text: pages.join('\f') } }]);
    expect(await kept()).toBe(0);
    // Its plan has ended, too, and there was one.
    await until(
      'the plan to end',
      async () => (await (await stack.plan(id, 'text')).describe()).status.name === 'COMPLETED',
    );
  },
  limit,
);

/** A worker finds legacy's folder away behind the first page, and is killed while it waits. */
async function waitsForFolder(stack: DocumentsStack, id: number): Promise<void> {
  const { folder } = stack.services;
  renameSync(folder, `${folder}.away`);
  await stack.worker.begin();
  expect(await stack.reaches(id, 'text', 'waiting')).toMatchObject({ page: 1, pages: 3, reason: 'files_away' });
  await stack.worker.end();
  renameSync(`${folder}.away`, folder);
}
