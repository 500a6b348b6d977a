import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedPaperwork } from '../../../legacy/paperwork/expected.js';
import { generatePaperwork, type Paperwork } from '../../../legacy/paperwork/generate.js';
import type { Entry } from '../../../legacy/paperwork/rows.js';
import { PaperworkTree } from '../../support/paperwork-tree.js';

const settings = { files: 500, seed: 7, special: 'all' } as const;
const expected = expectedPaperwork();
let tree: PaperworkTree;

beforeAll(async () => {
  tree = await PaperworkTree.create(settings);
});
afterAll(() => tree.remove());

const rowsOf = ({ files, results }: Paperwork) => JSON.stringify([files, results]);

describe('the files and rows of a seed', () => {
  test('are the same every time', async () => {
    const again = await PaperworkTree.create(settings);
    try {
      expect([...again.lines()]).toEqual([...tree.lines()]);
      expect(rowsOf(again.paperwork)).toBe(rowsOf(tree.paperwork));
    } finally {
      again.remove();
    }
  });

  test('are others than those of another seed', () => {
    expect(rowsOf(generatePaperwork({ ...settings, seed: 8 }))).not.toBe(rowsOf(tree.paperwork));
  });

  test('are as many as are wanted, with rising ids that have holes, and unique paths', () => {
    const { files, results } = generatePaperwork({ files: 5000, seed: 1, special: 'all' });
    expect(files).toHaveLength(5000);
    expect(new Set(files.map(({ path }) => path)).size).toBe(5000);
    for (const rows of [files, results]) {
      expect(rows.every(({ id }, place) => place === 0 || id > (rows[place - 1]?.id ?? id))).toBe(true);
      expect(rows.at(-1)?.id).toBeGreaterThan(rows.length);
    }
  });

  test('have many contents more than once, and some names in NFD', () => {
    const { entries, files } = tree.paperwork;
    const sums = entries.flatMap((entry) => (entry.kind === 'file' ? sumOf(entry) : []));
    expect(sums.length - new Set(sums).size).toBeGreaterThan(20);
    const decomposed = files.filter(({ path }) => path !== path.normalize('NFC'));
    expect(decomposed.length).toBeGreaterThan(20);
  });
});

describe('special files', () => {
  test('have an expected outcome each, and each outcome a file', () => {
    const all = generatePaperwork({ ...settings, special: 'all-and-large' });
    const named = Object.keys(expected.files).filter((name) => expected.files[name]?.outcome !== 'none');
    expect(new Set(all.specialFiles.keys())).toEqual(new Set(named));
    expect(new Set(all.specialResults.keys())).toEqual(new Set(Object.keys(expected.results)));
  });

  test('are there for every reason of the contract', () => {
    const outcomes = [...Object.values(expected.files), ...Object.values(expected.results)].map(
      ({ outcome }) => outcome,
    );
    expect(new Set(outcomes)).toEqual(
      new Set([
        'moved',
        'none',
        'path_invalid',
        'path_outside',
        'file_missing',
        'not_a_file',
        'unreadable',
        'size_differs',
        'changes_while_read',
        'file_unknown',
        'timestamp_invalid',
        'refused_by_target',
      ]),
    );
  });

  test('hold what the list says', () => {
    const rows = new Map(tree.paperwork.files.map((row) => [row.id, row]));
    for (const [name, { sha256, size }] of Object.entries(expected.files)) {
      const row = rows.get(tree.paperwork.specialFiles.get(name) ?? -1);
      if (sha256 === undefined || row === undefined || name === 'unreadable') continue;
      const content = readFileSync(join(tree.files, row.path));
      expect([name, content.length, createHash('sha256').update(content).digest('hex')]).toEqual([name, size, sha256]);
      expect([name, row.size ?? size]).toEqual([name, size]);
    }
  });

  test('are few in a small stack, with at most one reject in fifty files', () => {
    const { specialFiles, specialResults, files } = generatePaperwork({ files: 400, seed: 7, special: 'few' });
    const outcomes = [...specialFiles.keys()].map((name) => expected.files[name]);
    const rejected = outcomes.filter((one) => one?.outcome !== 'moved');
    expect(outcomes.every((one) => one?.needs === undefined)).toBe(true);
    expect(rejected.length).toBeGreaterThanOrEqual(5);
    expect(rejected.length / files.length).toBeLessThanOrEqual(0.02);
    expect(specialResults.has('result-of-no-file')).toBe(true);
  });

  test('cannot be more than the files', () => {
    expect(() => generatePaperwork({ files: 50, seed: 7, special: 'all' })).toThrow('fewer than the special ones');
  });

  test('with the large one have a file of 2 GiB and a byte that takes few blocks', async () => {
    const large = await PaperworkTree.create({ files: 150, seed: 7, special: 'all-and-large' });
    try {
      const { size, blocks } = statSync(join(large.files, large.pathOf('large')));
      expect(size).toBe(2 ** 31 + 1);
      expect(blocks * 512).toBeLessThan(2 ** 20);
    } finally {
      large.remove();
    }
  });
});

function sumOf(entry: Extract<Entry, { kind: 'file' }>): string {
  return createHash('sha256').update(entry.content()).digest('hex');
}
