import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { registry } from '../../src/kinds/registry.js';
import { countMovedRows } from '../../src/kinds/rows/count-moved-rows.js';
import { estimateRows } from '../../src/kinds/rows/preflight/source-estimate.js';
import { sajuRecordsMapping } from '../../src/kinds/saju-records/mapping.js';
import { readSajuRow, sampleSajuRows } from '../../src/kinds/saju-records/sample.js';
import { createPool } from '../../src/postgres/connect.js';
import { atSide } from '../../src/postgres/databases.js';
import { legacySajuRecords } from '../../src/services/saju/record-store.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { createRole, type TestRole } from '../support/roles.js';
import { RowsRun } from '../support/rows-run.js';

/** What hides two thirds of the rows from whoever the policy is for. */
const policy = (table: string) =>
  `alter table ${table} enable row level security; create policy thirds on ${table} using (id % 3 = 0) with check (true)`;
const noPolicy = (table: string) =>
  `drop policy if exists thirds on ${table}; alter table ${table} disable row level security, no force row level security`;

let databases: TestDatabases;
let reader: TestRole;
let owner: TestRole;
let run: RowsRun;
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(300);
  reader = await createRole(databases.legacy);
  owner = await createRole(databases.cube);
  await databases.legacy.query(`grant select, insert, update, delete on saju_records to ${reader.name};
    grant usage on all sequences in schema public to ${reader.name}`);
  await databases.cube.query(
    `grant create on database ${new URL(databases.cubeUrl).pathname.slice(1)} to ${owner.name}`,
  );
});
beforeEach(async () => {
  run = await openRun();
});
afterEach(async () => {
  await databases.legacy.query(noPolicy('saju_records'));
  await databases.cube.query(noPolicy('saju.charts'));
  await run.rollBack();
  await run.close();
});
afterAll(async () => {
  await reader.drop();
  await owner.drop();
  await databases.drop();
});

function openRun(): Promise<RowsRun> {
  const urls = { legacyUrl: reader.url(databases.legacyUrl), cubeUrl: owner.url(databases.cubeUrl) };
  return RowsRun.open(urls, `filtered-${++runs}`);
}

async function targetRows(): Promise<number> {
  return (await databases.cube.query('select from saju.charts')).rowCount ?? 0;
}

function preflight(): Promise<unknown> {
  const deps = { databases: run.databases, worker: 'test/0', reach: () => undefined };
  const { preflight: step } = createMigrationSteps(deps, registry);
  return new MockActivityEnvironment().run(step, { migrationId: run.id, kind: 'saju-records' as const, sequence: 0 });
}

const filteredLegacy = {
  type: 'permission_denied',
  message: expect.stringMatching(
    /^Row level security on table (public\.)?saju_records of the legacy database would hide rows from the engine's role( \(SQLSTATE 42501\))?\.$/,
  ),
};
const filteredCube = {
  type: 'permission_denied',
  message: expect.stringMatching(
    /^Row level security on table (saju\.)?charts of the cube database would hide rows from the engine's role( \(SQLSTATE 42501\))?\.$/,
  ),
};

describe('a policy on legacy', () => {
  test('is named before anything moves, with what to type', async () => {
    await databases.legacy.query(policy('saju_records'));
    await expect(preflight()).rejects.toMatchObject({
      ...filteredLegacy,
      details: [{ hint: `As a superuser there: ALTER ROLE "${reader.name}" BYPASSRLS;` }],
    });
    await databases.legacy.query(`alter role ${reader.name} bypassrls`);
    await expect(preflight()).resolves.toMatchObject({ estimatedRows: expect.any(Number) });
    await databases.legacy.query(`alter role ${reader.name} nobypassrls`);
  });

  test('that comes later makes every read an error: no row moves, none is removed, and nothing is found equal', async () => {
    await run.copy();
    const moved = await targetRows();
    expect(moved).toBe(300 - databases.rejected.size);
    await databases.legacy.query(policy('saju_records'));
    const { legacy } = run.databases;
    const reads: Readonly<Record<string, () => Promise<unknown>>> = {
      verify: () => run.verify(),
      'retry of rejects': () => run.retryRejects(),
      estimate: () => estimateRows(legacy, sajuRecordsMapping.source),
      sample: () => atSide('legacy', () => sampleSajuRows(legacy)),
      'one row': () => atSide('legacy', () => readSajuRow(legacy, '1')),
    };
    for (const [name, read] of Object.entries(reads))
      expect(await read().catch((error: unknown) => error), name).toMatchObject(filteredLegacy);
    // As a run that was cancelled leaves its rows, and the next one adopts them.
    await databases.cube.query("update ledger.migrations set status = 'cancelled', finished_at = now()");
    await run.close();
    run = await openRun();
    await expect(run.copy({ adopts: true })).rejects.toMatchObject(filteredLegacy);
    expect(await targetRows()).toBe(moved);
  });

  test('is no user’s fault: the cube’s own reads and writes fail as its own, and never as if a record were not there', async () => {
    await databases.legacy.query(policy('saju_records'));
    const pool = createPool(reader.url(databases.legacyUrl), { applicationName: 'cubeshift test', max: 1 });
    const records = legacySajuRecords(pool);
    const asks: Readonly<Record<string, () => Promise<unknown>>> = {
      find: () => records.find('1'),
      list: () => records.list('user-1', 10, undefined),
      change: () => records.changeInterpretation('1', 'x'),
      remove: () => records.remove('1'),
    };
    for (const [name, ask] of Object.entries(asks))
      expect(await ask().catch((error: unknown) => error), name).toMatchObject({
        ...filteredLegacy,
        type: 'unexpected',
      });
    await pool.end();
  });
});

describe('a policy on the target that its owner is not above', () => {
  const force = `${policy('saju.charts')}; alter table saju.charts force row level security`;

  test('is named before anything moves, with what to type', async () => {
    await databases.cube.query(force);
    await expect(preflight()).rejects.toMatchObject({
      ...filteredCube,
      details: [
        { hint: expect.stringMatching(/^As its owner: ALTER TABLE "saju"\."charts" NO FORCE ROW LEVEL SECURITY;/) },
      ],
    });
  });

  test('that comes later stops verification, the count behind a rollback of versions, and removal, which takes no part for all', async () => {
    await run.copy();
    const moved = await targetRows();
    await databases.cube.query(force);
    const { cube } = run.databases;
    const reads: Readonly<Record<string, () => Promise<unknown>>> = {
      verify: () => run.verify(),
      count: () => atSide('cube', () => countMovedRows(cube, [sajuRecordsMapping])),
      removal: () => run.rollBack(),
    };
    for (const [name, read] of Object.entries(reads))
      expect(await read().catch((error: unknown) => error), name).toMatchObject(filteredCube);
    expect(await targetRows()).toBe(moved);
    const states = await databases.cube.query<{ state: string }>(
      'select distinct state from ledger.batches where migration_id = $1',
      [run.id],
    );
    expect(states.rows).toEqual([{ state: 'owned' }]);
  });
});

describe('columns of legacy that the cube has no place for', () => {
  beforeEach(() => databases.legacy.query('alter table saju_records add memo text, add deleted_at timestamptz'));
  afterEach(() => databases.legacy.query('alter table saju_records drop memo, drop deleted_at'));

  test('are named, and refused unless a person accepts it; then the ledger keeps which', async () => {
    await expect(preflight()).rejects.toMatchObject({
      type: 'legacy_schema_mismatch',
      message:
        'The table public.saju_records of the legacy database has columns that the cube has no place for: memo, deleted_at.',
      details: [{ hint: expect.stringContaining('--option unmapped_columns=accept') }],
    });
    await databases.cube.query(
      `update ledger.migrations set options = options || '{"unmapped_columns": "accept"}' where id = $1`,
      [run.id],
    );
    await preflight();
    const kept = await databases.cube.query('select unmapped_columns from ledger.migrations where id = $1', [run.id]);
    expect(kept.rows).toEqual([{ unmapped_columns: ['memo', 'deleted_at'] }]);
  });
});
