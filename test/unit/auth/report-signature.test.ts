import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSignedReport, signReport } from '../../../src/auth/report-signature.js';

const secret = 'a secret of the tests, thirty-two bytes or more';
const report = {
  made_at: '2026-01-01T00:00:00.000Z',
  migration: { id: 'saju', progress: { migrated: 990, rejected: 10 }, error: null, traffic: { enabled: true } },
  steps: [{ what: 'copying' }, { what: 'verifying' }],
};
/** As a file or a wire gives it back. */
const passedOn = (document: unknown): unknown => JSON.parse(JSON.stringify(document));
const signed = signReport(secret, report);

describe('a signed report', () => {
  test('is right as it was signed, however it travelled', () => {
    expect(isSignedReport(secret, signed)).toBe(true);
    expect(isSignedReport(secret, passedOn(signed))).toBe(true);
  });

  test('is right whatever is in it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (content) => {
        expect(isSignedReport(secret, passedOn(signReport(secret, content)))).toBe(true);
      }),
    );
  });

  test('is right with its keys in another order, at every depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (content) => {
        const document = signReport(secret, content);
        expect(isSignedReport(secret, { signature: document.signature, report: turned(content) })).toBe(true);
      }),
    );
  });

  test('loses nothing by values that JSON leaves out', () => {
    const document = signReport(secret, { ...report, finished: undefined });
    expect(isSignedReport(secret, passedOn(document))).toBe(true);
    expect(document.signature).toEqual(signed.signature);
  });
});

describe('a report is no longer as it was signed', () => {
  test.each([
    ['a count', { ...report, migration: { ...report.migration, progress: { migrated: 991, rejected: 10 } } }],
    ['a count as text', { ...report, migration: { ...report.migration, progress: { migrated: '990', rejected: 10 } } }],
    ['a key more', { ...report, note: '' }],
    ['a key less', { made_at: report.made_at, migration: report.migration }],
    ['a null become absent', { ...report, migration: { ...report.migration, error: undefined } }],
    ['the order of a list', { ...report, steps: [...report.steps].reverse() }],
    ['an entry moved to another key', { ...report, steps: [{ what: 'copying', that: 'verifying' }] }],
    ['nothing left', {}],
    ['no report', undefined],
  ])('after a change of %s', (_name, changed) => {
    expect(isSignedReport(secret, { report: changed, signature: signed.signature })).toBe(false);
  });

  test('after any change', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const same = canonical(one) === canonical(other);
        expect(isSignedReport(secret, { report: other, signature: signReport(secret, one).signature })).toBe(same);
      }),
    );
  });

  test('with an additional field that was not signed', () => {
    expect(isSignedReport(secret, { ...signed, verdict: 'clean' })).toBe(false);
    expect(isSignedReport(secret, { ...signed, signature: { ...signed.signature, by: 'the auditor' } })).toBe(false);
  });

  test('with another signature', () => {
    const { value } = signed.signature;
    for (const other of [
      '',
      value.slice(1),
      `${value}=`,
      `${value}A`,
      value.toUpperCase(),
      signReport(`${secret}.`, report).signature.value,
    ])
      expect(isSignedReport(secret, { report, signature: { alg: 'HS256', value: other } })).toBe(false);
    expect(isSignedReport(secret, { report, signature: { alg: 'none', value } })).toBe(false);
    expect(isSignedReport(secret, { report, signature: value })).toBe(false);
  });

  test.each([
    null,
    undefined,
    7,
    'report',
    [],
    {},
    { report },
    { report, signature: null },
    { report, signature: { value: 7 } },
  ])('when the document is %j', (document) => {
    expect(isSignedReport(secret, document)).toBe(false);
  });
});

test.each(['[', '{"a":'])('a file that is nested deeply by %s is no report, and ends nothing', (open) => {
  const close = open === '[' ? ']' : '}';
  const report: unknown = JSON.parse(`${open.repeat(50_000)}1${close.repeat(50_000)}`);
  expect(isSignedReport(secret, { report, signature: { alg: 'HS256', value: 'x' } })).toBe(false);
});

test('the key of reports is not the key of tokens', () => {
  expect(signReport(secret, 'a').signature.value).not.toBe(
    createHmac('sha256', secret).update('"a"').digest('base64url'),
  );
});

/** The same value with the keys of every object the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, turned(inner)]),
  );
}

/** JSON whose keys are in order, by way of flat paths: another way than the signature's own. */
function canonical(value: unknown, path = '$'): string {
  if (typeof value !== 'object' || value === null) return `${path}=${JSON.stringify(value)}`;
  const open = Array.isArray(value) ? '[' : '{';
  const inner = Object.entries(value).map(([key, entry]) => canonical(entry, `${path}${open}${JSON.stringify(key)}`));
  return [`${path}${open}`, ...inner.sort()].join('\n');
}
