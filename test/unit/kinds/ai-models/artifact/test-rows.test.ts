import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readNamedRows, readTestRows } from '../../../../../src/kinds/ai-models/artifact/test-rows.js';

let path: string;
beforeAll(() => {
  path = mkdtempSync(join(tmpdir(), 'cubeshift-test-rows-'));
});
afterAll(() => rmSync(path, { recursive: true }));

const folder = () => ({ path, variable: 'LEGACY_MODEL_DIR' });
function written(text: string) {
  writeFileSync(join(path, 'rows.jsonl'), text);
  return { testSet: 'rows.jsonl', testSha256: createHash('sha256').update(text).digest('hex') };
}
const line = (row: number, text = '한글') => `{"inputs":{"x":${row},"text":"${text}"},"label":${row}}`;

test('rows are those of the lines, wherever the file is cut for reading', async () => {
  const lines = Array.from({ length: 30_000 }, (_, row) => line(row, '가'.repeat(row % 50)));
  const rows = await readTestRows(folder(), written(`${lines.join('\n')}\n\n`));
  expect(rows).toEqual(lines.map((one) => JSON.parse(one)));
  expect(await readTestRows(folder(), written(''))).toEqual([]);
});

test('a row too many, a byte too many, a wrong line and another sum are no evidence', async () => {
  const many = `${'{"inputs":1,"label":1}\n'.repeat(100_000)}`;
  expect(await readTestRows(folder(), written(many))).toHaveLength(100_000);
  expect(await readTestRows(folder(), written(`${many}${line(1)}`))).toEqual({
    missing: 'The test set has more than 100000 rows.',
  });
  expect(await readTestRows(folder(), written(line(1, 'x'.repeat(64 * 1024 * 1024))))).toEqual({
    missing: 'The test set is larger than 67108864 bytes.',
  });
  expect(await readTestRows(folder(), written(`${line(1)}\n{"inputs":1}\n${line(2)}`))).toEqual({
    missing: 'Line 2 of the test set is no {"inputs", "label"}.',
  });
  const { testSet } = written(line(1));
  expect(await readTestRows(folder(), { testSet, testSha256: '0'.repeat(64) })).toEqual({
    missing: 'The test set has another SHA-256 than metrics.test_sha256.',
  });
});

test('for its first and its longest row the file is read, and the rest is not kept', async () => {
  const many = `${line(7)}\n${`${line(1, 'x'.repeat(1000))}\n`.repeat(50_000)}${line(8, 'x'.repeat(1001))}\n`;
  const declared = written(many);
  const before = residentBytes();
  const named = await readNamedRows(folder(), declared);
  expect([named.first?.label, named.longest?.label]).toEqual([7, 8]);
  expect(residentBytes() - before).toBeLessThan(40 * 1024 * 1024);
  expect(await readNamedRows(folder(), { ...declared, testSha256: '0'.repeat(64) })).toEqual({});
});

function residentBytes(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
