import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { OwnServers, type ServerName } from '../support/own-servers.js';
import { pendingActivities } from '../support/pending-work.js';

const timeoutMillis = 240_000;
const records = 8000;

interface Life {
  readonly databases: TestDatabases;
  readonly engine: Engine;
  run: number;
}

let servers: OwnServers;
let copying: Life;
let verifying: Life;

beforeAll(async () => {
  servers = await OwnServers.start();
  [copying, verifying] = await Promise.all([begin(), begin()]);
  await verifying.engine.startMigration(idOf(verifying), options(null));
  await verifying.engine.waitFor(idOf(verifying), 'verified', isVerified);
}, timeoutMillis);
afterAll(async () => {
  for (const { databases, engine } of [copying, verifying]) {
    await engine.stop();
    await databases.drop();
  }
  await servers.stop();
});

const outages = [
  ['postgres-legacy', 'killed', 'SIGKILL'],
  ['postgres-legacy', 'stopped', 'SIGINT'],
  ['postgres-cube', 'killed', 'SIGKILL'],
  ['postgres-cube', 'stopped', 'SIGINT'],
  ['temporal', 'killed', 'SIGKILL'],
  ['temporal', 'stopped', 'SIGTERM'],
] as const;

test.each(outages)(
  'a copying and a verifying run say what they wait for and go on by themselves after %s was %s',
  {
    timeout: timeoutMillis,
  },
  async (server, _how, signal) => {
    const before = await underWayCopy();
    const release = await underWayVerification(server);
    const said = copying.engine.logOf('worker-bulk-1').length;
    await servers.end(server, signal);
    await expectComplaint(server, said);
    await servers.revive(server);
    await release();
    await verifying.engine.waitFor(idOf(verifying), 'verified again', isVerified, 90_000);
    await copying.engine.waitFor(
      idOf(copying),
      'further than before',
      (view) => view.progress.migrated > before.progress.migrated,
      90_000,
    );
  },
);

test('after all of it both targets are what undisturbed runs leave', { timeout: timeoutMillis }, async () => {
  for (const life of [copying, verifying]) {
    await expectAsUndisturbed(life);
    expect([life.engine.isAlive('worker-bulk-1'), life.engine.isAlive('worker-control')]).toEqual([true, true]);
  }
});

async function begin(): Promise<Life> {
  const databases = await createDatabases(records, { servers });
  return {
    databases,
    engine: await Engine.start({
      ...databases,
      temporalAddress: servers.temporalAddress,
      apart: ['worker-control', 'worker-bulk'],
    }),
    run: 1,
  };
}

function idOf(life: Life): string {
  return `run-${life.run}`;
}

function options(rowsPerSecond: number | null): Record<string, unknown> {
  return { batch_rows: 100, reject_limit_percent: 5, rows_per_second: rowsPerSecond };
}

function isVerified(view: MigrationView): boolean {
  return view.status === 'waiting' && view.stage === 'verified';
}

/** A run in the middle of its copy: when the last one got through, it is looked at, undone and followed by another. */
async function underWayCopy(): Promise<MigrationView> {
  const { engine } = copying;
  const now = await engine.view(idOf(copying)).catch(() => undefined);
  const left = now === undefined ? 0 : now.progress.total - now.progress.migrated;
  if (now !== undefined && left < records / 2) {
    await expectAsUndisturbed(copying);
    await engine.steer(idOf(copying), 'rollback');
    await engine.waitFor(idOf(copying), 'rolled back', (view) => view.status === 'rolled_back');
    copying.run++;
  }
  if (now === undefined || left < records / 2) await engine.startMigration(idOf(copying), options(250));
  return engine.waitFor(
    idOf(copying),
    'in the middle of its copy',
    (view) => view.stage === 'copying' && view.progress.migrated > 0,
    90_000,
  );
}

/** A verification that waits for a lock of the server in question; returns how to let it go. */
async function underWayVerification(server: ServerName): Promise<() => Promise<void>> {
  const { engine, databases } = verifying;
  const [url, table] =
    server === 'postgres-legacy' ? [databases.legacyUrl, 'saju_records'] : [databases.cubeUrl, 'saju.charts'];
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`begin; lock table ${table} in access exclusive mode`);
  // Behind a restart Temporal may be slow to answer, and is asked again, as the hint says.
  await until('the verification to be asked for', () =>
    engine.steer(idOf(verifying), 'verify').then(
      () => true,
      (error: Error) => {
        if (!error.message.startsWith('503')) throw error;
        return false;
      },
    ),
  );
  await until('the verification to be under way', async () =>
    (await pendingActivities(engine, idOf(verifying))).some(({ name, worker }) => name === 'verifyRows' && worker),
  );
  return () => client.end().catch(() => undefined);
}

/** While a server is away, whoever looks is told which one. */
async function expectComplaint(server: ServerName, said: number): Promise<void> {
  const { engine } = copying;
  const id = idOf(copying);
  if (server === 'temporal') {
    await until('the control API to miss Temporal', async () => {
      const health = await fetch(`${engine.url}/health`);
      const { dependencies } = (await health.json()) as { dependencies: { temporal: string } };
      return dependencies.temporal === 'unreachable';
    });
    const refused = await engine.call('POST', `/v1/migrations/${id}/pause`);
    expect(refused).toMatchObject({ status: 503, body: { type: 'temporal_unreachable' } });
    return;
  }
  const type = server === 'postgres-legacy' ? 'legacy_unreachable' : 'cube_unreachable';
  const sentence = server === 'postgres-legacy' ? /The legacy database/ : /The cube database/;
  await until(`the worker's log to say ${type}`, () =>
    engine.logOf('worker-bulk-1').slice(said).includes(`"type":"${type}"`),
  );
  await until('the run itself to say what it waits for', async () =>
    (await pendingActivities(engine, id)).some(({ name, failure }) => name === 'copyLane' && sentence.test(failure)),
  );
  const answer = await engine.call('GET', `/v1/migrations/${id}`);
  if (server === 'postgres-cube') expect(answer).toMatchObject({ status: 503, body: { type } });
  else expect(answer).toMatchObject({ status: 200, body: { status: 'running', stage: 'copying' } });
}

async function expectAsUndisturbed(life: Life): Promise<void> {
  await life.engine.waitFor(idOf(life), 'verified', isVerified, 90_000);
  await expectRejectsAsForetold(life.databases, idOf(life));
  await expectTargetEqualsSource(life.databases);
  await expectLedgerAddsUp(life.databases, idOf(life));
}
