import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureTemporalKeys } from '../../../../src/stack/temporal/certificates.js';
import { temporalKeys } from '../../../../src/state/temporal-keys.js';

const yearMillis = 365 * 86_400_000;
let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cubeshift-keys-'));
  folder = join(root, 'state', 'keys');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const contents = () => Object.values(temporalKeys(folder)).map((file) => readFileSync(file, 'utf8'));

test('a set is made once, is its owner’s alone, and holds no key that could sign another certificate', async () => {
  expect(await ensureTemporalKeys(folder)).toBe(true);
  const made = contents();
  expect(await ensureTemporalKeys(folder)).toBe(false);
  expect(contents()).toEqual(made);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const file of Object.values(temporalKeys(folder))) expect(statSync(file).mode & 0o777, file).toBe(0o600);
  const authority = new X509Certificate(readFileSync(temporalKeys(folder).authority));
  expect(authority.ca).toBe(true);
  const keys = readdirSync(folder).filter((name) => name.endsWith('.key'));
  expect(keys).toHaveLength(2);
  for (const name of keys)
    expect(authority.checkPrivateKey(createPrivateKey(readFileSync(join(folder, name))))).toBe(false);
  expect(readdirSync(join(folder, '..'))).toEqual(['keys']);
});

test('each side has a certificate for its own part, for the loopback address and localhost', async () => {
  await ensureTemporalKeys(folder);
  const files = temporalKeys(folder);
  const server = new X509Certificate(readFileSync(files.serverCertificate));
  const client = new X509Certificate(readFileSync(files.clientCertificate));
  expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(server.checkHost('localhost')).toBe('localhost');
  expect([server.ca, client.ca]).toEqual([false, false]);
  // https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12
  expect([server.keyUsage, client.keyUsage]).toEqual([['1.3.6.1.5.5.7.3.1'], ['1.3.6.1.5.5.7.3.2']]);
});

test('a set near its end is made anew, and one that is good for longer is not', async () => {
  const now = new Date();
  await ensureTemporalKeys(folder, now);
  const made = contents();
  expect(await ensureTemporalKeys(folder, new Date(now.getTime() + 3.9 * yearMillis))).toBe(false);
  expect(contents()).toEqual(made);
  const later = new Date(now.getTime() + 4.1 * yearMillis);
  expect(await ensureTemporalKeys(folder, later)).toBe(true);
  expect(await ensureTemporalKeys(folder, later)).toBe(false);
});

test('a set of which any part is missing, damaged or of another set is made anew', async () => {
  const other = join(root, 'other');
  await ensureTemporalKeys(other);
  for (const part of Object.keys(temporalKeys(folder)) as (keyof ReturnType<typeof temporalKeys>)[]) {
    const file = temporalKeys(folder)[part];
    const damages = [() => rmSync(file), () => writeFileSync(file, 'torn')];
    // A secret of another set is as good as any.
    if (part !== 'uiSecret') damages.push(() => writeFileSync(file, readFileSync(temporalKeys(other)[part])));
    for (const damage of damages) {
      await ensureTemporalKeys(folder);
      damage();
      expect(await ensureTemporalKeys(folder), part).toBe(true);
      expect(await ensureTemporalKeys(folder), part).toBe(false);
    }
  }
});
