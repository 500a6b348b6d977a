import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFolderCheck } from '../../../../src/services/paperwork/folder-check.js';

test('a folder that goes away is missed, one that was never there is not', async () => {
  const root = mkdtempSync(join(tmpdir(), 'folder-check-'));
  const folder = join(root, 'files');
  const check = createFolderCheck(folder);
  await check();
  mkdirSync(folder);
  await check();
  rmSync(folder, { recursive: true });
  await expect(check()).rejects.toThrow('ENOENT');
  mkdirSync(folder);
  await check();
  rmSync(root, { recursive: true });
});
