import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

const document = readFileSync(join(packageRoot(), 'docs', 'ledger.md'), 'utf8');
const statements = [...document.matchAll(/```sql\n(.*?)```/gs)].map(([, statement = '']) => statement);
let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
});
afterAll(() => databases.drop());

test.each(statements)('the ledger as it is answers %s', async (statement) => {
  const found = await databases.cube.query(statement.replaceAll(":'id'", "'any'"));
  expect(found.fields.length).toBeGreaterThan(0);
});
