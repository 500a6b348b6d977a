import { describe, expect, test } from 'vitest';
import { fileNameProblem, filePathProblem } from '../../../../src/domain/paperwork/file-path.js';
import { readFileId, writeFile } from '../../../../src/domain/paperwork/legacy-file.js';
import { readResultCursor, resultsPerPage, writeResultPage } from '../../../../src/domain/paperwork/legacy-result.js';
import { readProcess } from '../../../../src/domain/paperwork/process.js';
import { plainMimeType, readMetadata } from '../../../../src/domain/paperwork/upload.js';

describe('a path', () => {
  test.each(['', '/a', '..', '../a', 'a/..', 'a/../b', `a/${'나'.repeat(85)}a`])('%j names no file', (path) => {
    expect(filePathProblem(path)).toBeTypeOf('string');
  });
  test.each(['a', './a//b', '...', 'a/..b', '\n', ' ', `a/${'나'.repeat(85)}`])('%j may name one', (path) => {
    expect(filePathProblem(path)).toBeUndefined();
  });
});

test.each(['', '.', '..', 'a/b', 'a\0', '나'.repeat(86)])('%j is no name of an upload', (name) => {
  expect(fileNameProblem(name)).toBeTypeOf('string');
});

test.each([
  ['1', '1'],
  [String(2n ** 63n - 1n), String(2n ** 63n - 1n)],
  [String(2n ** 63n), undefined],
  ['0', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['01', undefined],
])('%j is the id %j', (text, id) => {
  expect(readFileId(text)).toBe(id);
});

test('a row is written with its numbers and JSON as they are', () => {
  const row = { id: '9007199254740993', path: 'a\n', size: '9007199254740993', mime_type: null };
  const text = writeFile({ ...row, metadata: '{"a": 1.50}', created_at: '2020-01-02 03:04:05.6+00' });
  expect(text).toBe(
    '{"id":9007199254740993,"path":"a\\n","size":9007199254740993,"mime_type":null,"metadata":{"a": 1.50},"created_at":"2020-01-02T03:04:05.600000Z"}',
  );
});

test('a page of results says where the next one begins', () => {
  const rows = Array.from({ length: resultsPerPage + 1 }, (_, at) => ({
    id: String(at + 1),
    kind: null,
    result: null,
    created_at: null,
  }));
  expect(JSON.parse(writeResultPage(rows))).toMatchObject({ items: { length: resultsPerPage }, next_cursor: '100' });
  expect(JSON.parse(writeResultPage(rows.slice(1)))).toMatchObject({ next_cursor: null });
  expect([
    readResultCursor({}),
    readResultCursor({ cursor: '100' }),
    readResultCursor({ cursor: '9'.repeat(19) }),
  ]).toEqual(['0', '100', undefined]);
});

test.each<[unknown, number]>([
  [undefined, 400],
  [[], 400],
  [{}, 400],
  [{ kind: 1 }, 400],
  [{ kind: 'text', more: 1 }, 400],
  [{ kind: 'speech' }, 422],
])('processing %j is refused with %d', (body, status) => {
  expect(readProcess(body)).toMatchObject({ kind: 'refusal', status });
});

test('metadata are kept as the text that came', () => {
  expect(readMetadata('{"a": 1.50}')).toEqual({ kind: 'accepted', metadata: '{"a": 1.50}' });
  expect(readMetadata('{a}')).toMatchObject({ status: 400, field: 'metadata' });
});

test.each([
  ['text/plain; charset=euc-kr', 'text/plain; charset=euc-kr'],
  [' Text/Plain', 'text/plain'],
  ['text/plain\r\nX: 1', null],
  [`text/${'x'.repeat(255)}`, null],
  ['한글/문서', null],
  ['text', null],
  ['', null],
  [null, null],
  [undefined, null],
])('of the media type %j a header holds %j', (text, type) => {
  expect(plainMimeType(text)).toBe(type);
});
