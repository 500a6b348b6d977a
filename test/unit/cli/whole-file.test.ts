import {
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, expect, test } from 'vitest';
import { writeWholeFile } from '../../../src/cli/whole-file.js';
import { canBeStranger } from '../../support/stranger.js';

const folder = mkdtempSync(join(tmpdir(), 'cubeshift-whole-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('removes what a killed export left in the folder more than an hour ago, and nothing else', async () => {
  const id = (digit: number) => `${digit}2345678-1234-1234-1234-123456789abc`;
  const old = new Date(Date.now() - 61 * 60 * 1000);
  const write = (name: string, time?: Date) => {
    writeFileSync(join(folder, name), 'contents');
    if (time !== undefined) utimesSync(join(folder, name), time, time);
    return name;
  };
  const left = write(`.rejects.csv.${id(0)}.partial`, old);
  const kept = [
    // Of an export that may still run.
    write(`.rejects.csv.${id(1)}.partial`),
    write('.rejects.partial', old),
    write(`rejects.csv.${id(2)}.partial`, old),
    write('rejects.csv', old),
  ];
  if (canBeStranger) {
    kept.push(write(`.others.csv.${id(3)}.partial`, old));
    chownSync(join(folder, `.others.csv.${id(3)}.partial`), 65_534, 65_534);
  }
  const link = `.link.csv.${id(4)}.partial`;
  symlinkSync(join(folder, 'rejects.csv'), join(folder, link));
  await writeWholeFile(join(folder, 'new.csv'), Readable.from(['all']), false);
  expect(readdirSync(folder)).not.toContain(left);
  expect(readdirSync(folder).sort()).toEqual([...kept, link, 'new.csv'].sort());
  expect(readFileSync(join(folder, 'new.csv'), 'utf8')).toBe('all');
});
