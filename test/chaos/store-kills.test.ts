import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import type { Sha256 } from '../../src/storage/blob-store.js';
import { createFolderStore } from '../../src/storage/folder-store.js';

/** Programs that use the store are killed in front of each of their side effects, and what they had on the disk is looked at. */

const support = (file: string) => join(packageRoot(), 'test', 'support', file);
const [victim, effects] = [support('store-victim.mjs'), support('store-effects.mjs')];
const sumOf = (text: string): Sha256 => createHash('sha256').update(text).digest('hex');
const inParts = 'x'.repeat(3500);
const stored = ['one', 'two'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-store-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Effect = readonly [name: string, path?: string, to?: string];

/** Runs the program to its end, or until it kills itself; returns what it did. */
async function run(
  root: string,
  scenario: string,
  killAt: number,
  path = process.env.PATH ?? '',
): Promise<readonly Effect[]> {
  const args = ['--import', effects, victim, scenario, ...stored.map(sumOf)];
  const env = { PATH: path, STORE_ROOT: root, KILL_AT: String(killAt) };
  const ended = await new Promise<unknown>((resolve) => {
    execFile(process.execPath, args, { env }, (error, _, stderr) => resolve(error?.signal ?? stderr));
  });
  expect(ended).toBe(killAt === 0 ? '' : 'SIGKILL');
  if (!existsSync(`${root}.trace`)) return [];
  return readFileSync(`${root}.trace`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function prepared(name: string, contents: readonly string[] = []): Promise<string> {
  const root = join(folder, name);
  const store = createFolderStore(root);
  for (const text of contents) {
    const chunks = (async function* () {
      yield Buffer.from(text);
    })();
    await (await store.stage(chunks, 'before')).keep();
  }
  return root;
}

const filesIn = (root: string) =>
  existsSync(root)
    ? readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((one) => (one.isFile() ? [one.name] : []))
    : [];

const isAddress = (name: string) => /^[0-9a-f]{64}$/.test(name);

/** Four programs at a time. */
async function eachKill(
  scenario: string,
  prepare: (name: string) => Promise<string>,
  check: (root: string) => Promise<void>,
): Promise<void> {
  const whole = await run(await prepare('whole'), scenario, 0);
  const kills = Array.from({ length: whole.length - 1 }, (_, index) => index + 1);
  expect(kills.length).toBeGreaterThan(5);
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      for (const killAt of kills.filter((one) => one % 4 === lane)) {
        const root = await prepare(`killed-${killAt}`);
        await run(root, scenario, killAt);
        await check(root);
      }
    }),
  );
}

describe('killed in front of each side effect', () => {
  test.each(['single', 'batch', 'files'])(
    'of storing (%s), an address has nothing or all, and nothing else is left',
    async (scenario) => {
      await eachKill(scenario, prepared, async (root) => {
        const store = createFolderStore(root);
        for (const name of filesIn(root).filter(isAddress)) expect(await store.check(name)).toBeNull();
        await store.discardOf('work');
        expect(filesIn(root).filter((name) => !isAddress(name))).toEqual([]);
      });
    },
  );

  test.each(['a first', 'a second'])(
    'of receiving in parts (%s attempt), the next one ends with the whole content',
    async (which) => {
      const prepare = async (name: string) => {
        const root = await prepared(name);
        if (which === 'a second') {
          // Two parts are on record, and it has written some of the third.
          await run(root, 'parts', killInThirdPart);
          expect(JSON.parse(readFileSync(`${root}.parts`, 'utf8'))).toHaveLength(2);
          rmSync(`${root}.trace`);
        }
        return root;
      };
      const effects = await run(await prepared('first'), 'parts', 0);
      const killInThirdPart = effects.findLastIndex(([name]) => name === 'write') + 1;
      await eachKill('parts', prepare, async (root) => {
        await createFolderStore(root).discardOf('work');
        await run(root, 'parts', 0);
        expect(filesIn(root)).toEqual([sumOf(inParts)]);
        expect(await createFolderStore(root).check(sumOf(inParts))).toBeNull();
        expect(existsSync(`${root}.parts`)).toBe(false);
      });
    },
  );

  test.each(['put back', 'remove'])('of withdrawing (%s), a content is whole or gone', async (scenario) => {
    await eachKill(
      scenario,
      (name) => prepared(name, stored),
      async (root) => {
        const store = createFolderStore(root);
        for (const name of filesIn(root).filter(isAddress)) expect(await store.check(name)).toBeNull();
        await store.discardOf('work');
        expect(filesIn(root).filter((name) => !isAddress(name))).toEqual([]);
      },
    );
  });
});

describe('what is on the disk should the power fail', () => {
  test.each(['single', 'batch', 'files', 'parts'])(
    '%s: a content before it gets its address, its address before it is kept',
    async (scenario) => {
      const root = join(folder, 'store');
      expectDurable(await run(root, scenario, 0), root);
    },
  );

  test('a large batch: the file system twice, once before and once after its contents get their addresses', async () => {
    const root = join(folder, 'store');
    const bin = mkdtempSync(join(folder, 'bin-'));
    writeFileSync(join(bin, 'sync'), `#!/bin/sh\necho '["file system"]' >> '${root}.trace'\n`);
    chmodSync(join(bin, 'sync'), 0o755);
    const effects = await run(root, 'large batch', 0, bin);
    const kinds = effects
      .map(([name]) => name)
      .filter((name) => ['write', 'file system', 'rename', 'done'].includes(name));
    expect(kinds.filter((name, index) => name !== kinds[index - 1])).toEqual([
      'write',
      'file system',
      'rename',
      'file system',
      'done',
    ]);
  });

  test('a machine whose `sync` knows no file system synchronises each file and each folder', async () => {
    const root = join(folder, 'store');
    const bin = mkdtempSync(join(folder, 'bin-'));
    writeFileSync(join(bin, 'sync'), '#!/bin/sh\nexit 1\n');
    chmodSync(join(bin, 'sync'), 0o755);
    expectDurable(await run(root, 'large batch', 0, bin), root);
  });
});

/** Follows what is on the disk for certain: a file's bytes once it was synchronised, a name once its folder was. */
function expectDurable(effects: readonly Effect[], root: string): void {
  const [dirtyFiles, dirtyFolders] = [new Set<string>(), new Set<string>()];
  let [renamed, synchronized, recorded] = [0, 0, 0];
  for (const [name, path = '', to = ''] of effects) {
    if (name === 'write' || name === 'truncate') dirtyFiles.add(path);
    if (name === 'sync' || name === 'datasync') dirtyFiles.delete(path);
    if (name === 'sync') dirtyFolders.delete(path);
    if (name === 'mkdir') dirtyFolders.add(dirname(path));
    // The next part is written meanwhile.
    if (name === 'datasync') synchronized++;
    if (name === 'record') expect(++recorded).toBeLessThanOrEqual(synchronized);
    if (name === 'rename' && isAddress(basename(to))) {
      expect(dirtyFiles.has(path), `${path} has its bytes on the disk`).toBe(false);
      dirtyFolders.add(dirname(to));
      renamed++;
    }
    // Only after this may a row name the content, or its parts be forgotten.
    if (name === 'done' || name === 'forget')
      expect([...dirtyFolders].filter((one) => one.startsWith(root))).toEqual([]);
  }
  expect(renamed).toBeGreaterThan(0);
}
