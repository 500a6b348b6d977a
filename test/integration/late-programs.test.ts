import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLedgerSteps } from '../../src/activities/ledger-steps.js';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { defaultOptionsOf } from '../../src/domain/catalog.js';
import { registry } from '../../src/kinds/registry.js';
import { isSameDatabase } from '../../src/kinds/rows/preflight/same-database.js';
import { connectClient } from '../../src/postgres/connect.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Gate } from '../support/gate.js';
import { RowsRun } from '../support/rows-run.js';

let databases: TestDatabases;
let run: RowsRun;

beforeAll(async () => {
  databases = await createDatabases(10);
  run = await RowsRun.open(databases, 'overtaken');
});
afterAll(async () => {
  await run.close();
  await databases.drop();
});

describe('a program that a newer ledger has overtaken does none of its steps:', () => {
  const deps = () => ({ databases: run.databases, worker: 'test/0', reach: () => undefined });
  const names = [...Object.keys(createLedgerSteps(unused())), ...Object.keys(createMigrationSteps(unused(), registry))];

  beforeAll(async () => {
    await databases.cube.query("insert into ledger.schema_versions (name, run_on) values ('9999_newer', now())");
  });
  afterAll(async () => {
    await databases.cube.query("delete from ledger.schema_versions where name = '9999_newer'");
  });

  test.each(names)('%s', async (name) => {
    const steps: Readonly<Record<string, (...values: never[]) => Promise<unknown>>> = {
      ...createLedgerSteps(deps()),
      ...createMigrationSteps(deps(), registry),
    };
    const reference = {
      migrationId: 'overtaken',
      kind: 'saju-records',
      lane: 0,
      options: defaultOptionsOf('saju-records'),
    };
    const step = new MockActivityEnvironment().run(
      steps[name] as (...values: unknown[]) => Promise<unknown>,
      reference,
      defaultOptionsOf('saju-records'),
      'all',
      'test',
      'test',
    );
    await expect(step).rejects.toMatchObject({
      type: 'ledger_newer',
      message: expect.stringMatching(/^The ledger is at version 9999, this program knows it up to version \d+\.$/),
    });
    const traces = await databases.cube.query(
      `select (select count(*) from ledger.ranges) + (select count(*) from ledger.verifications) + (select count(*) from ledger.events)
            + (select count(*) from ledger.batches) + (select operation_token from ledger.migrations) as traces`,
    );
    expect(traces.rows).toEqual([{ traces: '0' }]);
  });
});

/** For the names of the steps alone. */
function unused(): Parameters<typeof createLedgerSteps>[0] {
  return { databases: {} as RowsRun['databases'], worker: '', reach: () => undefined };
}

test('two addresses of one database are known for one by a lock, and no two databases are', async () => {
  const { gate, url } = await Gate.toUrl(databases.cubeUrl);
  const elsewhere = new URL(databases.cubeUrl);
  elsewhere.pathname = '/postgres';
  const choices = { applicationName: 'cubeshift test' };
  const holder = await connectClient(databases.cubeUrl, choices);
  const seen: Record<string, boolean> = {};
  const others = { itself: databases.cubeUrl, gate: url, legacy: databases.legacyUrl, neighbour: elsewhere.href };
  for (const [name, address] of Object.entries(others)) {
    const other = await connectClient(address, { ...choices, readOnly: true });
    seen[name] = await isSameDatabase(holder, other);
    seen[`${name} the other way round`] = await isSameDatabase(other, holder);
    await other.end();
  }
  expect(seen).toEqual({
    itself: true,
    'itself the other way round': true,
    gate: true,
    'gate the other way round': true,
    legacy: false,
    'legacy the other way round': false,
    neighbour: false,
    'neighbour the other way round': false,
  });
  await holder.end();
  await gate.shut();
});
