import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { headBytes, mediaTypeOf } from '../../../src/documents/media-type.js';

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(100, 7)]);
const pdf = Buffer.from('%PDF-1.7\n1 0 obj\n');
const zip = Buffer.concat([Buffer.from('504b0304', 'hex'), Buffer.alloc(60)]);
const compound = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]);
const binary = Buffer.from([0, 1, 2, 3, 250, 251, 0, 9]);
const hwpx = 'application/haansofthwpx';

test.each<[string, Buffer, string | null, string]>([
  ['a PNG that is called a PDF', png, 'application/pdf', 'image/png'],
  ['a PNG that is called text', png, 'text/html', 'image/png'],
  ['a PNG', png, 'image/png', 'image/png'],
  ['a PDF that is called nothing', pdf, null, 'application/pdf'],
  ['a PDF in other letters, with a parameter', pdf, 'Application/PDF; x=1', 'Application/PDF; x=1'],
  ['another name of its type', Buffer.from('ffd8ffe000104a464946', 'hex'), 'image/jpg', 'image/jpg'],
  ['an archive', zip, 'application/octet-stream', 'application/zip'],
  ['a document that is an archive', zip, hwpx, hwpx],
  ['a PNG that is called an archive', png, hwpx, 'image/png'],
  ['a hangul document', compound, 'application/x-hwp', 'application/x-hwp'],
  ['an archive that is called a hangul document of old', compound, hwpx, 'application/x-cfb'],
  ['text that is called a PNG', Buffer.from('hello'), 'image/png', 'text/plain'],
  ['text in CP949', Buffer.from('b0a1b3aa0a', 'hex'), 'text/plain; charset=euc-kr', 'text/plain; charset=euc-kr'],
  ['text in UTF-16', Buffer.from('\ufeff한글', 'utf16le'), 'text/csv', 'text/csv'],
  ['a table', Buffer.from('가,나\n1,2\n'), 'text/csv', 'text/csv'],
  ['text without a type', Buffer.from('가나다'), null, 'text/plain'],
  ['bytes that are called text', binary, 'text/html', 'application/octet-stream'],
  ['bytes that are called JSON', binary, 'application/vnd.x+json', 'application/octet-stream'],
  ['bytes that are called a PDF', binary, 'application/pdf', 'application/octet-stream'],
  ['bytes of a type that nothing shows', binary, 'application/vnd.nobody-knows', 'application/vnd.nobody-knows'],
  ['bytes without a type', binary, '', 'application/octet-stream'],
  ['nothing', Buffer.alloc(0), 'image/png', 'image/png'],
  ['nothing without a type', Buffer.alloc(0), null, 'application/octet-stream'],
])('of %s', async (_, head, declared, type) => {
  expect(await mediaTypeOf(head, declared)).toBe(type);
});

test('never fails, whatever the bytes, and says the same of more than it needs', async () => {
  const starts = [
    png,
    pdf,
    zip,
    compound,
    Buffer.from('GIF89a'),
    Buffer.from('3026b2758e66cf11', 'hex'),
    Buffer.alloc(0),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 4096 }), async (start, rest) => {
      expect(await mediaTypeOf(Buffer.concat([start, rest]), 'application/pdf')).toMatch(/^[\w.+-]+\/[\w.+-]+$/);
    }),
  );
  const large = Buffer.concat([Buffer.alloc(headBytes, 'a'), randomBytes(1000)]);
  expect(await mediaTypeOf(large, 'text/plain')).toBe('text/plain');
});
