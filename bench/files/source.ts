import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Files as legacy has them, and what each holds. */
export interface FileSet {
  readonly name: string;
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  /** The SHA-256 of each, in their order. */
  readonly sums: readonly string[];
}

const smallFiles = 4000;
const [minBytes, maxBytes] = [4 * 1024, 64 * 1024];
const largeBytes = 512 * 1024 * 1024;
const blockBytes = 1024 * 1024;

/** Many small files in forty folders; the same bytes in every run. */
export function makeSmallFiles(folder: string): FileSet {
  const [bytes, sizes] = [randomBytes('small files'), randomBytes('sizes')];
  const sums: string[] = [];
  let sum = 0;
  for (let index = 0; index < smallFiles; index++) {
    const size = minBytes + (sizes(4).readUInt32LE() % (maxBytes - minBytes + 1));
    const content = bytes(size);
    const place = join(folder, String(index % 40));
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `${index}.bin`), content);
    sums.push(createHash('sha256').update(content).digest('hex'));
    sum += size;
  }
  return { name: '4,000 files of 4–64 kB', folder, files: smallFiles, bytes: sum, sums: sums.sort() };
}

export function makeLargeFile(folder: string): FileSet {
  const bytes = randomBytes('large file');
  const hash = createHash('sha256');
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, 'large.bin'), 'w');
  for (let written = 0; written < largeBytes; written += blockBytes) {
    const block = bytes(blockBytes);
    hash.update(block);
    writeSync(file, block);
  }
  closeSync(file);
  return { name: 'one file of 512 MB', folder, files: 1, bytes: largeBytes, sums: [hash.digest('hex')] };
}

/** Bytes that cannot be compressed, from a seed. */
function randomBytes(seed: string): (size: number) => Buffer {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16));
  return (size) => cipher.update(Buffer.alloc(size));
}
