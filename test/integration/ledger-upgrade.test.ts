import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { ledgerVersion, upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { untilSomebodyWaitsFor } from '../support/held-lock.js';

/** A ledger at work, and a newer version of it that changes two of its tables. */
let databases: TestDatabases;
let folder: string;
let next = 900;
const patience = { lockMillis: 300, pauseMillis: 100, maxAttempts: 100 };

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-migrations-'));
  cpSync(join(packageRoot(), 'migrations'), folder, { recursive: true });
});
beforeEach(() => {
  const column = `of_version_${++next}`;
  writeFileSync(
    join(folder, `${next}_test.sql`),
    `-- Up Migration\nalter table ledger.batches add column ${column} int;\nalter table ledger.rejects add column ${column} int;\n`,
  );
});
afterAll(async () => {
  await databases.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** A writer in the middle of its transaction. */
async function write(table: string): Promise<pg.PoolClient> {
  const client = await databases.cube.connect();
  await client.query('begin');
  await client.query(writing(table));
  return client;
}

function writing(table: string): string {
  return `delete from ${table} where false`;
}

async function commit(client: pg.PoolClient): Promise<void> {
  await client.query('commit');
  client.release();
}

test('waits for a writer, and holds up others for no longer than one attempt waits for a lock', async () => {
  const writer = await write('ledger.rejects');
  const upgraded = upgradeLedger(databases.cubeUrl, folder, patience);
  await untilSomebodyWaitsFor(databases.cube, 'ledger.rejects');
  for (let turn = 0; turn < 5; turn++) {
    const before = Date.now();
    await databases.cube.query(writing('ledger.rejects'));
    expect(Date.now() - before).toBeLessThan(5000);
  }
  expect(await ledgerVersion(databases.cube)).toBeLessThan(next);
  await commit(writer);
  await upgraded;
  expect(await ledgerVersion(databases.cube)).toBe(next);
});

test('gives way in a deadlock with a writer, and tries again', async () => {
  const writer = await write('ledger.rejects');
  await writer.query("set local deadlock_timeout = '1min'");
  const upgraded = upgradeLedger(databases.cubeUrl, folder, { ...patience, lockMillis: 30_000 });
  await untilSomebodyWaitsFor(databases.cube, 'ledger.rejects');
  // The upgrade has this table, and waits for the other.
  await writer.query(writing('ledger.batches'));
  await commit(writer);
  await upgraded;
  expect(await ledgerVersion(databases.cube)).toBe(next);
});

test('leaves the ledger as it was where no attempt gets its locks', async () => {
  const former = await ledgerVersion(databases.cube);
  const writer = await write('ledger.rejects');
  const upgraded = upgradeLedger(databases.cubeUrl, folder, { ...patience, maxAttempts: 2 });
  await expect(upgraded).rejects.toMatchObject({ type: 'database_overloaded' });
  await commit(writer);
  expect(await ledgerVersion(databases.cube)).toBe(former);
  await upgradeLedger(databases.cubeUrl, folder, patience);
  expect(await ledgerVersion(databases.cube)).toBe(next);
});
