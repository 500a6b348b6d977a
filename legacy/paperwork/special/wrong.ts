import { file, link, type SpecialFile, type SpecialResult, stored } from './special-file.js';

/** A row without anything at its path. */
function absent(name: string, path: string, row: Partial<SpecialFile['row']> = {}): SpecialFile {
  return { name, row: { path, size: 1, ...row }, entries: [] };
}

/** Rows that cannot be moved. */
export const wrongFiles: readonly SpecialFile[] = [
  absent('path-empty', ''),
  absent('path-absolute', '/etc/passwd'),
  absent('path-up', '../outside/secret.txt'),
  {
    name: 'path-up-and-down',
    row: { path: '오류/위로/../있음.txt', size: 2 },
    entries: [{ kind: 'folder', path: '오류/위로' }, file('오류/있음.txt', 'a\n')],
  },
  absent('path-ends-upward', '오류/위로/..'),
  absent('segment-256-bytes', `오류/${'나'.repeat(85)}a`),
  { ...absent('file-gone', '오류/사라짐.pdf', { size: 52_114 }), results: 2 },
  absent('path-through-a-file', '오류/있음.txt/안.txt'),
  absent('path-slash-after-a-file', '오류/있음.txt/'),
  absent('path-too-long', `${'긴/'.repeat(1500)}끝`),
  { name: 'folder', row: { path: '오류/폴더', size: null }, entries: [{ kind: 'folder', path: '오류/폴더' }] },
  {
    name: 'link-to-a-folder',
    row: { path: '오류/폴더 링크', size: null },
    entries: [link('오류/폴더 링크', '폴더')],
  },
  absent('path-of-the-folder-itself', '.', { size: null }),
  { name: 'fifo', row: { path: '오류/파이프', size: 0 }, entries: [{ kind: 'fifo', path: '오류/파이프' }] },
  { name: 'socket', row: { path: '오류/소켓', size: 0 }, entries: [{ kind: 'socket', path: '오류/소켓' }] },
  { name: 'device', row: { path: '오류/장치', size: 0 }, entries: [{ kind: 'device', path: '오류/장치' }] },
  {
    name: 'unreadable',
    row: { path: '오류/권한 없음.txt', size: 9 },
    entries: [file('오류/권한 없음.txt', '비밀\nxx', 0)],
  },
  stored('size-too-large', '오류/잘림.txt', '잘린 파일\n', { size: 4096 }),
  stored('size-too-small', '오류/자람.txt', '자란 파일\n', { size: 3 }),
  stored('size-zero', '오류/빈 줄 알았던.txt', 'x\n', { size: 0 }),
  stored('size-negative', '오류/음수.txt', '', { size: -1 }),
  stored('created-infinite', '오류/무한.txt', 'a\n', { created_at: 'infinity' }),
  stored('created-minus-infinite', '오류/음의 무한.txt', 'b\n', { created_at: '-infinity' }),
  stored('created-in-year-10000', '오류/만년.txt', 'c\n', { created_at: '10000-01-01 00:00:00+00' }),
  stored('created-before-christ', '오류/기원전.txt', 'd\n', { created_at: '0044-03-15 00:00:00+00 BC' }),
  // The first reason of the contract's order counts.
  absent('path-and-time', '/tmp/x', { created_at: 'infinity' }),
  stored('size-and-time', '오류/크기와 시각.txt', 'e\n', { size: 5, created_at: '-infinity' }),
  stored('refused', '오류/거절.txt', '거절\n', { mime_type: 'application/x-refused' }),
];

export const specialResults: readonly SpecialResult[] = [
  { name: 'result-kind-null', row: { kind: null } },
  { name: 'result-null', row: { result: null } },
  { name: 'result-created-null', row: { created_at: null } },
  { name: 'result-large', row: { result: JSON.stringify({ text: '긴 글 '.repeat(60_000) }) } },
  { name: 'result-odd', row: { kind: 'ocr\n', result: '{"a": 1.50, "made_by": "cube", "b": "\\\\u0000"}' } },
  { name: 'result-of-no-file', row: { file_id: null } },
  { name: 'result-created-infinite', row: { created_at: 'infinity' } },
  { name: 'result-of-no-file-at-no-time', row: { file_id: null, created_at: '-infinity' } },
];
