import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DocumentPool } from '../../src/documents/document-pool.js';

let folder: string;
let pool: DocumentPool;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'document-pool-'));
});
afterEach(() => pool.close());
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: Buffer | string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('a pool of document processes', () => {
  test('reads a document page by page, and says what read it', async () => {
    pool = new DocumentPool({ processes: 1 });
    const document = await pool.open(write('two-pages', '첫째\f둘째'), 'text');
    expect(document).toMatchObject({ pages: 2, madeBy: expect.stringContaining('utf-8') });
    expect(await document.readPage(2)).toEqual({ text: '둘째' });
    expect(await document.readPage(1)).toEqual({ text: '첫째' });
    await document.close();
  });

  test('lets documents wait for a process, until their signal says otherwise', async () => {
    pool = new DocumentPool({ processes: 1 });
    const first = await pool.open(write('first', '1'), 'text');
    const abort = new AbortController();
    const given = pool.open(write('given-up', '2'), 'text', abort.signal);
    const waiting = pool.open(write('waiting', '3'), 'text');
    abort.abort(new Error('given up'));
    await expect(given).rejects.toThrow('given up');
    await first.close();
    expect(await (await waiting).readPage(1)).toEqual({ text: '3' });
  });

  test('stops documents when it is closed, and says nothing of them', async () => {
    pool = new DocumentPool({ processes: 1 });
    const open = await pool.open(write('open', '1'), 'text');
    const waiting = pool.open(write('waits', '2'), 'text');
    await pool.close();
    await expect(open.readPage(1)).rejects.toMatchObject({ name: 'ReadingStopped' });
    await open.close();
    await expect(waiting).rejects.toMatchObject({ name: 'ReadingStopped' });
  });
});
