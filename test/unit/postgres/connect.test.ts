import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clientSettings, quoteIdentifier } from '../../../src/postgres/connect.js';

test('a quoted identifier is one token, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const quoted = quoteIdentifier(name);
      expect(quoted).toMatch(/^"(?:[^"]|"")*"$/u);
      expect(quoted.slice(1, -1).replaceAll('""', '"')).toBe(name);
    }),
  );
});

test('the parts of a name are quoted apart', () => {
  expect(quoteIdentifier('saju', 'charts')).toBe('"saju"."charts"');
  expect(quoteIdentifier('a.b', 'c"; drop table x; --')).toBe('"a.b"."c""; drop table x; --"');
});

test('every session speaks UTC, ISO dates and UTF-8', () => {
  expect(clientSettings('postgres://h/d', 'bulk')).toMatchObject({
    application_name: 'bulk',
    client_encoding: 'UTF8',
    options: expect.stringMatching(/-c TimeZone=UTC -c DateStyle=ISO\b/),
  });
});
