import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMigrationSteps } from '../../src/activities/migration-steps.js';
import { registry } from '../../src/kinds/registry.js';
import { sajuRecords } from '../../src/kinds/saju-records/kind.js';
import { sajuRecordsMapping } from '../../src/kinds/saju-records/mapping.js';
import { readReport } from '../../src/postgres/ledger/report-records.js';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { recordEvidence, startVerification } from '../../src/postgres/ledger/verifications.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

/** What a kind itself says of a verification, from the step that gathers it to the report. */
let databases: TestDatabases;
let run: RowsRun;
const reference = { migrationId: 'run', kind: 'saju-records', sequence: 2000 } as const;

beforeAll(async () => {
  databases = await createDatabases(100);
  run = await RowsRun.open(databases, 'run');
  await run.copy();
});
afterAll(async () => {
  await run.close();
  await databases.drop();
});

function verify(id: string, evidence: typeof sajuRecords.evidence = sajuRecords.evidence) {
  const deps = { databases: run.databases, worker: 'test/0', reach: () => undefined };
  const steps = createMigrationSteps(deps, { ...registry, 'saju-records': { ...sajuRecords, evidence } });
  return new MockActivityEnvironment().run(steps.verifyRows, reference, id);
}

async function reported(): Promise<unknown> {
  return (await readReport(databases.cube, { id: 'run', kind: 'saju-records' })).evidence;
}

test('is kept by the next attempt when a worker died between the verdict and it', async () => {
  const id = await startVerification(databases.cube, reference);
  const dying = verify(id, async () => {
    throw new Error('killed');
  });
  await expect(dying).rejects.toThrow();
  expect(await reported()).toBeUndefined();
  const verdicts = await databases.cube.query('select status, finished_at from ledger.verifications');
  expect(verdicts.rows).toMatchObject([{ status: 'clean' }]);

  expect(await verify(id)).toMatchObject({ kind: 'concluded', verdict: { clean: true } });
  expect((await databases.cube.query('select status, finished_at from ledger.verifications')).rows).toEqual(
    verdicts.rows,
  );
  const compared_fields = sajuRecordsMapping.comparedFields.length;
  expect(await reported()).toEqual({
    verification_id: id,
    section: {
      tables: [
        {
          table: 'saju_records',
          parent: null,
          source: 'public.saju_records',
          target: 'saju.charts',
          key: 'id',
          compared_fields,
          not_compared: ['migrated_at'],
        },
      ],
    },
  });
});

test('is not kept of a verification that has not ended', async () => {
  const before = await reported();
  const id = await startVerification(databases.cube, { ...reference, sequence: 2001 });
  await expect(recordEvidence(databases.cube, reference, id, { of: 'what' })).rejects.toThrow();
  expect(await reported()).toEqual(before);
});

test('is not changed by an attempt that comes late', async () => {
  const before = await reported();
  const { verification_id } = before as { verification_id: string };
  const later = {
    stage: 'verifying',
    status: 'running',
    runId: 'r',
    by: 'test',
    what: 'step',
    settles: false,
  } as const;
  await recordRunState(databases.cube, 'run', { ...later, sequence: 2002 });
  await expect(recordEvidence(databases.cube, reference, verification_id, { of: 'late' })).rejects.toMatchObject({
    type: 'claim_lost',
  });
  expect(await reported()).toEqual(before);
});
