import { spawnSync } from 'node:child_process';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, type ProgramName, testSecret } from '../support/engine.js';

/** After a run with rejects, mismatches and a repair: where record contents and secrets must not be. */
let databases: TestDatabases;
let engine: Engine;
let contents: readonly string[];
let secrets: readonly string[];
const programs: readonly ProgramName[] = ['worker-control', 'worker-bulk-1', 'control'];

beforeAll(async () => {
  databases = await createDatabases(2000);
  // Every row says of itself what must not be seen elsewhere.
  await databases.legacy.query(
    `update saju_records set interpretation = 'content-of-' || id || coalesce(interpretation, ''),
            user_id = case when trim(user_id) = '' then user_id else 'person-' || id end`,
  );
  contents = ['content-of-', 'person-'];
  secrets = [testSecret, ...[databases.legacyUrl, databases.cubeUrl].map((url) => new URL(url).password)];
  engine = await Engine.start({ ...databases, apart: ['control', 'worker-control', 'worker-bulk'] });
  await engine.startMigration('seen');
  await engine.waitForRest('seen');
  await databases.cube.query(
    `update saju.charts set interpretation = 'content-of-nobody' where id = (select max(id) from saju.charts);
     delete from saju.charts where id = (select min(id) from saju.charts)`,
  );
  await engine.steer('seen', 'verify');
  await engine.waitFor('seen', 'blocked by the mismatch', ({ status }) => status === 'blocked');
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

function expectNoneOf(words: readonly string[], where: string, text: string): void {
  expect(text.length, `${where} is there to be read`).toBeGreaterThan(0);
  for (const word of words) expect(text.includes(word), `${word} in ${where}`).toBe(false);
}

test('the ledger knows the contents of rejects and of what differs, and shows them with records:read only', async () => {
  const kept = await databases.cube.query<{ rejects: string; mismatches: string }>(
    `select (select count(*) from ledger.rejects where payload::text like '%content-of-%') as rejects,
            (select count(*) from ledger.mismatches where source_value like 'content-of-%') as mismatches`,
  );
  expect(Number(kept.rows[0]?.rejects)).toBeGreaterThan(0);
  expect(Number(kept.rows[0]?.mismatches)).toBeGreaterThan(0);
  const open = ['migration:read', 'migration:write'];
  for (const path of ['', '/report', '/rejects', '/rejects/summary']) {
    const answer = await engine.call('GET', `/v1/migrations/seen${path}`, undefined, open);
    expect(answer.status).toBe(200);
    expectNoneOf(contents, `GET${path}`, JSON.stringify(answer.body));
  }
  const seeing = await engine.call('GET', '/v1/migrations/seen/rejects', undefined, [...open, 'records:read']);
  expect(JSON.stringify(seeing.body)).toContain('content-of-');
  expectNoneOf(contents, '/metrics', await (await fetch(`${engine.url}/metrics`)).text());
});

test('the events and errors of the ledger hold none', async () => {
  const found = await databases.cube.query<{ text: string }>(
    `select (select string_agg(e::text, ' ') from ledger.events e) || (select string_agg(m::text, ' ') from ledger.migrations m) as text`,
  );
  expectNoneOf([...contents, ...secrets], 'the ledger', found.rows[0]?.text ?? '');
});

test("Temporal's history holds none, payloads included", async () => {
  const connection = await Connection.connect({ address: engine.temporalAddress });
  try {
    const { history } = await connection.workflowService.getWorkflowExecutionHistory({
      namespace: engine.namespace,
      execution: { workflowId: 'saju-records/seen' },
    });
    const events = history?.events ?? [];
    expect(events.length).toBeGreaterThan(20);
    // Payloads are bytes of JSON. A message would write them in base64, so a plain object of it is searched.
    const { History } = proto.temporal.api.history.v1;
    const plain = History.toObject(History.fromObject(history ?? {}), { longs: String });
    const text = JSON.stringify(plain, function (this: Record<string, unknown>, key, value: unknown) {
      const bytes = this[key];
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('utf8') : value;
    });
    expect(text).toContain('verification_mismatch');
    expectNoneOf([...contents, ...secrets], 'the history', text);
  } finally {
    await connection.close();
  }
});

test('no program logs any', async () => {
  for (const name of programs) expectNoneOf([...contents, ...secrets], `the log of ${name}`, engine.logOf(name));
});

test('no command line on this machine shows a secret', () => {
  const { stdout } = spawnSync('ps', ['-eo', 'args', '-ww'], { encoding: 'utf8' });
  for (const name of programs) expect(engine.program(name).pid).toBeDefined();
  expectNoneOf(secrets, 'the list of processes', stdout);
});
