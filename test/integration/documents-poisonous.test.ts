import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { expectFailed, failuresAt } from '../support/document-failures.js';
import { DocumentsStack } from '../support/documents-stack.js';
import { pictureOf } from '../support/scanned-text.js';

/** Documents that end the process which reads them. */
let stack: DocumentsStack;
beforeAll(async () => {
  stack = await DocumentsStack.start({ environment: { DOCUMENT_PROCESSES: '1' } });
});
afterAll(() => stack.stop());

test('one whose process is killed is read once more, in another', async () => {
  const lines = Array.from({ length: 25 }, (_, at) => `Invoice number ${1000 + at} of the branch in Seoul`);
  const id = await stack.upload('long.png', pictureOf(lines));
  await stack.request(id, 'ocr');
  const reader = await until('a document process', () => documentProcessOf(stack.worker.pid));
  process.kill(reader, 'SIGKILL');
  expect(await stack.reaches(id, 'ocr', 'done', 'failed')).toMatchObject({ state: 'done', page: 1, pages: 1 });
  expect(documentProcessOf(stack.worker.pid)).not.toBe(reader);
});

test.each(failuresAt('documents-poisonous'))('one fails alone: %s', async (reason, bring) => {
  const requested = await bring({ stack });
  const others = await Promise.all([1, 2, 3].map((at) => stack.processed(`${at}.txt`, `text ${at}`, 'text')));
  expect(others.map(({ view, results }) => [view.state, results[0]?.result.text])).toEqual([
    ['done', 'text 1'],
    ['done', 'text 2'],
    ['done', 'text 3'],
  ]);
  await expectFailed({ stack }, reason, requested);
});

/** A child of the worker that reads documents. */
function documentProcessOf(parent: number | undefined): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      const [, ppid] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return ppid === String(parent) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('documents/main.js');
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}
