import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createLedgerSteps } from '../../src/activities/ledger-steps.js';
import { acceptRejects } from '../../src/postgres/ledger/rejects.js';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { RowsRun } from '../support/rows-run.js';

/** An acceptance of more rejects than one statement accepts in the time of a short step. */
const rows = 60_000;
const databases: TestDatabases = await createDatabases(0);
const run = await RowsRun.open(databases, 'many');
const step = { migrationId: 'many', kind: 'saju-records', sequence: 1 } as const;
const accepting = {
  stage: 'verifying',
  status: 'running',
  runId: 'r',
  by: 'kim',
  what: 'rejects/accept',
  settles: true,
} as const;

beforeEach(async () => {
  const { cube } = databases;
  await cube.query('truncate ledger.rejects, ledger.events');
  await cube.query('update ledger.migrations set state_sequence = 0');
  await cube.query(
    `insert into ledger.rejects (migration_id, table_name, source_id, reason, detail, payload)
     select 'many', 'saju_records', id, case when id % 2 = 0 then 'even' else 'odd' end, '', '{}' from generate_series(1, $1::int) as id`,
    [rows],
  );
  await recordRunState(cube, 'many', { ...accepting, sequence: 1 });
});
afterAll(async () => {
  await run.close();
  await databases.drop();
});

async function countAccepted() {
  const found = await databases.cube.query<{ accepted: number }>(
    "select count(*)::int as accepted from ledger.rejects where resolution = 'accepted'",
  );
  return found.rows[0]?.accepted;
}

test('the step commits page by page, and reports each page as progress', async () => {
  const environment = new MockActivityEnvironment({ startToCloseTimeoutMs: 60_000 });
  const reported: unknown[] = [];
  const committed: (number | undefined)[] = [];
  environment.on('heartbeat', (position) => {
    if (position !== undefined) reported.push(position);
  });
  const { acceptRejects: accept } = createLedgerSteps({ databases: run.databases, worker: 'test/0', reach: () => {} });
  const watching = setInterval(() => void countAccepted().then((count) => committed.push(count)), 50);
  onTestFinished(() => clearInterval(watching));
  expect(await environment.run(() => accept(step, 'all', 'kim', 'seen'))).toBe(rows);
  // A position is reported again until the next one.
  expect(new Set(reported.map((position) => JSON.stringify(position))).size).toBe(rows / 5000);
  expect(reported.at(-1)).toEqual({ table: 'saju_records', id: String(rows) });
  expect(committed.some((count = 0) => count > 0 && count < rows)).toBe(true);
  expect(await countAccepted()).toBe(rows);
});

test('an attempt that is stopped keeps its pages, and the next one accepts the rest', async () => {
  const stop = new AbortController();
  const stopped = acceptRejects(databases.cube, step, 'all', 'kim', 'seen', {
    signal: stop.signal,
    onPage: ({ id }) => {
      if (id === '10000') stop.abort();
    },
  });
  await expect(stopped).rejects.toThrow();
  expect(await countAccepted()).toBe(10_000);
  expect(await acceptRejects(databases.cube, step, 'all', 'kim', 'seen')).toBe(rows - 10_000);
});

test('an attempt whose run goes on in the meantime accepts nothing more', async () => {
  let next: Promise<void> | undefined;
  const late = acceptRejects(databases.cube, step, 'all', 'kim', 'seen', {
    pageRows: 100,
    onPage: () => {
      next ??= recordRunState(databases.cube, 'many', { ...accepting, what: 'step', sequence: 2 });
    },
  });
  await expect(late).rejects.toMatchObject({ type: 'claim_lost' });
  await next;
  expect(await countAccepted()).toBeLessThan(rows);
});

test('what is rejected while pages are accepted was not seen, and stays open', async () => {
  let later: Promise<unknown> | undefined;
  const accepted = await acceptRejects(databases.cube, step, { reason: 'odd' }, 'kim', 'seen', {
    pageRows: 10_000,
    onPage: () => {
      if (later !== undefined) return;
      later = databases.cube.query(
        `insert into ledger.rejects (migration_id, table_name, source_id, reason, detail, payload)
         values ('many', 'saju_records', 1000001, 'odd', '', '{}')`,
      );
    },
  });
  await later;
  expect(accepted).toBe(rows / 2);
});
