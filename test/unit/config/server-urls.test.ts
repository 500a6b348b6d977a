import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfiguration } from '../../../src/config/configuration.js';
import { postgresUrlProblem, redisUrlProblem } from '../../../src/config/server-urls.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-urls-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a password that is not percent-encoded', () => {
  test.each([
    ['p#ss', '#', '%23'],
    ['1#ss', '#', '%23'],
    ['p/ss', '/', '%2F'],
    ['1/ss', '/', '%2F'],
    ['p?ss', '?', '%3F'],
    ['1?ss', '?', '%3F'],
    ['p@s/s', '/', '%2F'],
    ['1%ss', '%', '%25'],
    ['p ss', ' ', '%20'],
  ])('the sentence about %s names the character that must be encoded', (password, character, written) => {
    const sentence = `must have ${character} of its user name or password written as ${written}`;
    expect(postgresUrlProblem(`postgres://reader:${password}@host:5432/heal7`)).toBe(sentence);
    expect(postgresUrlProblem(`postgres://reader:${password}@host/heal7?application_name=x`)).toBe(sentence);
    expect(redisUrlProblem(`redis://:${password}@host:6379/0`)).toBe(sentence);
  });

  test('is found whatever it holds, and an encoded one is taken whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (password) => {
        const url = (written: string) => `postgres://reader:${written}@host:5432/heal7?application_name=a@b`;
        expect(postgresUrlProblem(url(encodeURIComponent(password)))).toBeUndefined();
        if (/[#?/]/.test(password)) expect(postgresUrlProblem(url(password))).toMatch(/^must have . of its/);
      }),
    );
  });

  test.each([
    'postgres://reader:p@host/heal7',
    'postgres://reader:p@ss@host/heal7',
    'postgres://host/heal7?application_name=a@b',
    'postgres://reader:p@[::1]:5432/heal7',
    'postgres://reader:p@%2Fvar%2Frun/heal7',
  ])('is not seen where there is none: %s', (url) => {
    expect(postgresUrlProblem(url)).toBeUndefined();
  });
});

describe('TLS parameters of a PostgreSQL URL', () => {
  const url = (parameters: string) => `postgres://u:p@host/db?${parameters}`;

  test('name one of the modes that exist', () => {
    expect(postgresUrlProblem(url('sslmode=requir'))).toBe(
      'must have an sslmode of disable, prefer, require, verify-ca, verify-full, no-verify',
    );
    for (const mode of ['disable', 'require', 'verify-full', 'no-verify'])
      expect(postgresUrlProblem(url(`sslmode=${mode}`))).toBeUndefined();
  });

  test.each(['sslrootcert', 'sslcert', 'sslkey'])('name by %s a PEM file that is there, by its whole path', (name) => {
    const [right, empty, missing] = ['right.pem', 'empty.pem', 'missing.pem'].map((file) => join(folder, file));
    writeFileSync(right ?? '', '-----BEGIN CERTIFICATE-----\n');
    writeFileSync(empty ?? '', '');
    expect(postgresUrlProblem(url(`${name}=${right}`))).toBeUndefined();
    expect(postgresUrlProblem(url(`${name}=${empty}`))).toBe(`names by ${name} a file that is not in PEM format`);
    expect(postgresUrlProblem(url(`${name}=${missing}`))).toBe(`names by ${name} a file that does not exist`);
    expect(postgresUrlProblem(url(`${name}=${folder}`))).toBe(`names by ${name} a file that cannot be read (EISDIR)`);
    expect(postgresUrlProblem(url(`${name}=right.pem`))).toMatch(`names by ${name} a file by a relative path`);
  });
});

test('a problem is reported with the name of the variable, and without its value', () => {
  const read = () => readConfiguration({ CUBE_DATABASE_URL: 'postgres://u:hid#den@h/x' }, ['CUBE_DATABASE_URL']);
  expect(read).toThrow('CUBE_DATABASE_URL must have # of its user name or password written as %23');
  expect(read).not.toThrow(/hid|den@/);
});
