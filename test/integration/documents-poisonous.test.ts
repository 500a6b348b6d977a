import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { DocumentsStack } from '../support/documents-stack.js';
import { pictureOf } from '../support/scanned-text.js';

/** Documents that end the process which reads them: less memory than reading a picture takes. */
let narrow: DocumentsStack;
let wide: DocumentsStack;
beforeAll(async () => {
  narrow = await DocumentsStack.start({ environment: { DOCUMENT_PROCESS_MIB: '160', DOCUMENT_PROCESSES: '1' } });
  wide = await DocumentsStack.start({ environment: { DOCUMENT_PROCESSES: '1' } });
});
afterAll(async () => {
  await narrow.stop();
  await wide.stop();
});

test('one that takes more memory than it may fails alone', async () => {
  const id = await narrow.upload('picture.png', pictureOf(['Invoice number 2042']));
  await narrow.request(id, 'ocr');
  const others = await Promise.all([1, 2, 3].map((at) => narrow.processed(`${at}.txt`, `text ${at}`, 'text')));
  expect(others.map(({ view, results }) => [view.state, results[0]?.result.text])).toEqual([
    ['done', 'text 1'],
    ['done', 'text 2'],
    ['done', 'text 3'],
  ]);
  expect(await narrow.reaches(id, 'ocr', 'done', 'failed')).toMatchObject({
    state: 'failed',
    reason: 'memory_exceeded',
  });
  expect(await narrow.results(id)).toEqual([]);
});

test('one whose process is killed is read once more, in another', async () => {
  const lines = Array.from({ length: 25 }, (_, at) => `Invoice number ${1000 + at} of the branch in Seoul`);
  const id = await wide.upload('long.png', pictureOf(lines));
  await wide.request(id, 'ocr');
  const reader = await until('a document process', () => documentProcessOf(wide.worker.pid));
  process.kill(reader, 'SIGKILL');
  expect(await wide.reaches(id, 'ocr', 'done', 'failed')).toMatchObject({ state: 'done', page: 1, pages: 1 });
  expect(documentProcessOf(wide.worker.pid)).not.toBe(reader);
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
