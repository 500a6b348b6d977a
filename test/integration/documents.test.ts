import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docx } from '../../legacy/paperwork/documents/docx.js';
import { pdf } from '../../legacy/paperwork/documents/pdf.js';
import { processFailureSentences } from '../../src/domain/paperwork/process-failure.js';
import { until } from '../support/conditions.js';
import { expectFailed, failuresAt } from '../support/document-failures.js';
import { DocumentsStack } from '../support/documents-stack.js';
import { workbook } from '../support/office-documents.js';
import { pictureOf } from '../support/scanned-text.js';

/** Documents from their upload to their results, through the cube, the worker and both databases. */
let stack: DocumentsStack;
beforeAll(async () => {
  stack = await DocumentsStack.start();
});
afterAll(() => stack.stop());

const done = (pages: number) => ({ state: 'done', page: pages, pages, reason: null });

describe('a document is read', () => {
  test('as text, of plain text', async () => {
    const id = await stack.upload('글.txt', '첫째 쪽\f둘째 쪽');
    expect(await stack.request(id, 'text')).toEqual({
      kind: 'text',
      state: 'queued',
      page: null,
      pages: null,
      reason: null,
    });
    expect(await stack.reaches(id, 'text', 'done')).toEqual({ kind: 'text', ...done(2) });
    expect(await stack.results(id)).toMatchObject([
      { kind: 'text', result: { text: '첫째 쪽\f둘째 쪽', made_by: expect.stringMatching(/^Node\.js .*utf-8$/) } },
    ]);
  });

  test('as text, of DOCX and PDF', async () => {
    const word = await stack.processed('문서.docx', docx('계약서\n제1조'), 'text');
    expect(word.view).toMatchObject(done(1));
    expect(word.results).toMatchObject([
      { result: { text: expect.stringContaining('제1조'), made_by: expect.stringMatching(/^mammoth \d/) } },
    ]);
    const printed = await stack.processed('문서.pdf', pdf(['첫째 장', '둘째 장', '셋째 장'], '제목'), 'text');
    expect(printed.view).toMatchObject(done(3));
    expect(printed.results).toMatchObject([
      { result: { text: '첫째 장\f둘째 장\f셋째 장', made_by: expect.stringMatching(/^pdfjs-dist \d/) } },
    ]);
  });

  test('as a picture', async () => {
    const { view, results } = await stack.processed('scan.png', pictureOf(['Invoice number 2042', 'Seoul']), 'ocr');
    expect(view).toMatchObject(done(1));
    expect(results).toMatchObject([
      {
        kind: 'ocr',
        result: {
          text: expect.stringMatching(/Invoice number 2042\s+Seoul/),
          made_by: expect.stringMatching(/^tesseract\.js \d.*kor\+eng/),
        },
      },
    ]);
  });

  test('for its tables', async () => {
    const rows = [
      ['품목', '수량'],
      ['복사용지', '3'],
    ];
    const { results } = await stack.processed('표.xlsx', workbook('견적', rows), 'tables');
    expect(results).toMatchObject([
      {
        kind: 'tables',
        result: { tables: [{ page: 1, name: '견적', rows }], made_by: expect.stringMatching(/^read-excel-file \d/) },
      },
    ]);
  });

  test('as the migration has stored it', async () => {
    const id = await stack.upload('moved.txt', '옮긴 글');
    await stack.services.move(String(id));
    await stack.request(id, 'text');
    await stack.reaches(id, 'text', 'done');
    expect(await stack.results(id)).toMatchObject([{ result: { text: '옮긴 글' } }]);
  });
});

describe('a request', () => {
  test('joins the one that runs, and is a new one once that has ended', async () => {
    const id = await stack.upload('twice.txt', 'x');
    const views = await Promise.all(Array.from({ length: 8 }, () => stack.request(id, 'text')));
    for (const { state } of views) expect(['queued', 'running', 'done']).toContain(state);
    await stack.reaches(id, 'text', 'done');
    const before = await stack.results(id);
    expect(before.length).toBeGreaterThanOrEqual(1);
    await stack.request(id, 'text');
    await until('another result', async () => (await stack.results(id)).length > before.length);
  });

  test('made many times at once has one result', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, (_, at) => stack.upload(`once-${at}.txt`, `${at}`)));
    // The worker finds them all together.
    await stack.worker.end();
    for (const id of ids) await Promise.all(Array.from({ length: 4 }, () => stack.request(id, 'text')));
    await stack.worker.begin();
    for (const [at, id] of ids.entries()) {
      await stack.reaches(id, 'text', 'done');
      expect(await stack.results(id)).toMatchObject([{ result: { text: `${at}` } }]);
    }
  });

  test('is forgotten with its file', async () => {
    const id = await stack.upload('gone.txt', 'x');
    await stack.worker.end();
    await stack.request(id, 'text');
    expect((await stack.call('DELETE', `/files/${id}`)).status).toBe(204);
    expect((await stack.call('GET', `/files/${id}/process/text`)).status).toBe(404);
    await stack.worker.begin();
    const other = await stack.processed('other.txt', 'x', 'text');
    expect(other.view.state).toBe('done');
    const left = await stack.services.databases.legacy.query('select from paperwork_results where file_id = $1', [id]);
    expect(left.rowCount).toBe(0);
  });
});

describe('a document that cannot be read fails alone, and says why', () => {
  test.each(failuresAt('documents'))('%s', async (reason, bring) => {
    await expectFailed({ stack }, reason, await bring({ stack }));
  });

  test('for one of the reasons that the documentation has', () => {
    const documented = readFileSync('docs/reading-documents.md', 'utf8');
    for (const reason of Object.keys(processFailureSentences)) expect(documented).toContain(`| \`${reason}\` `);
  });

  test('and is tried anew by another request', async () => {
    const id = Number(await stack.services.addFile('late.txt', null));
    await stack.request(id, 'text');
    await stack.reaches(id, 'text', 'failed');
    writeFileSync(join(stack.services.folder, 'late.txt'), 'now');
    await stack.request(id, 'text');
    await stack.reaches(id, 'text', 'done');
    expect(await stack.results(id)).toMatchObject([{ result: { text: 'now' } }]);
  });
});

test('a folder that is away is waited for, and the document says so', async () => {
  const id = await stack.upload('waits.txt', '기다린 글');
  const { folder } = stack.services;
  renameSync(folder, `${folder}.away`);
  await stack.request(id, 'text');
  expect(await stack.reaches(id, 'text', 'waiting')).toMatchObject({ reason: 'files_away' });
  await until('the page of the plan to say so', async () =>
    (await stack.details(id, 'text')).includes('**waiting**, `files_away`'),
  );
  renameSync(`${folder}.away`, folder);
  expect(await stack.reaches(id, 'text', 'done')).toMatchObject(done(1));
  expect(await stack.details(id, 'text')).toBe('**done**: the result is written.');
  expect(await stack.results(id)).toMatchObject([{ result: { text: '기다린 글' } }]);
});

test('a history has nothing of the document, and what it has is a sentence', async () => {
  const { id } = await stack.processed('secret.txt', 'a text that nobody else may read', 'text');
  const handle = await stack.plan(id, 'text');
  const history = JSON.stringify(await handle.fetchHistory());
  expect(history).not.toContain(Buffer.from('nobody else').toString('base64').slice(0, 10));
  expect(Buffer.from(history).toString()).not.toContain('nobody else may read');
});
