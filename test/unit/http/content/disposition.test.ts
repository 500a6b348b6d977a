import { parse } from 'content-disposition';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dispositionOf } from '../../../../src/http/content/disposition.js';

const nameIn = (path: string) => parse(dispositionOf(path)).parameters.filename;

test.each([
  ['2020/견적서.pdf', '견적서.pdf'],
  ['a/각.txt'.normalize('NFD'), '각.txt'.normalize('NFD')],
  ['a/"quoted"; filename=evil.exe', '"quoted"; filename=evil.exe'],
  ['a/보고서\r\nSet-Cookie: a=b', '보고서__Set-Cookie: a=b'],
  ['a/청구서\u202egnp.exe', '청구서_gnp.exe'],
  ['a/..\\..\\b.txt', '.._.._b.txt'],
  ['a/100%25.txt', '100%25.txt'],
  ['', 'file'],
])('%j is saved as %j', (path, name) => {
  expect(nameIn(path)).toBe(name);
});

test('whatever the name, the header is one line that saves and never shows', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (path) => {
      const header = dispositionOf(path);
      expect(header).toMatch(/^attachment; filename/);
      expect(header).toMatch(/^[\x20-\x7e\xa0-\xff]+$/);
    }),
  );
});
