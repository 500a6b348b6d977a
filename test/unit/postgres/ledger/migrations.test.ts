import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../../src/base/package-root.js';

test('each migration has a number of its own, without gaps: the ledger’s version is the highest, and a second of one number would be left out', () => {
  const numbers = readdirSync(join(packageRoot(), 'migrations'))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
});
