import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { pendingActivities } from '../support/pending-work.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const timeoutMillis = 150_000;
/** Longer than a silent step may go without a heartbeat: another attempt starts beside the one that hangs. */
const silentMillis = 15_000;

interface Life {
  readonly databases: TestDatabases;
  readonly engine: Engine;
  readonly proxy: TcpProxy;
}
const lives = new Map<string, Life>();

beforeAll(async () => {
  await Promise.all(
    (['legacy', 'cube'] as const).map(async (side) => {
      const databases = await createDatabases(8000);
      const proxy = await TcpProxy.before(side === 'legacy' ? databases.legacyUrl : databases.cubeUrl);
      // The control API keeps its own way to the cube: what it shows is not what is tested here.
      const variable = side === 'legacy' ? 'LEGACY_DATABASE_URL' : 'CUBE_DATABASE_URL';
      const cut = { [variable]: proxy.url };
      const environment = { 'worker-bulk-1': cut, 'worker-control': cut };
      lives.set(side, {
        databases,
        proxy,
        engine: await Engine.start({ ...databases, environment, apart: ['worker-control', 'worker-bulk'] }),
      });
    }),
  );
}, timeoutMillis);
afterAll(async () => {
  for (const { databases, engine, proxy } of lives.values()) {
    await engine.stop();
    await proxy.close();
    await databases.drop();
  }
});

test.concurrent.each(['legacy', 'cube'])(
  'a run survives its connections to the %s database being closed, and going silent for 15 s',
  async (side) => {
    const life = lives.get(side);
    if (life === undefined) throw new Error(`there is no life at ${side}`);
    const { databases, engine, proxy } = life;
    await engine.startMigration('run', { batch_rows: 100, reject_limit_percent: 5, rows_per_second: 700 });
    await midCopy(engine, 1000);

    proxy.refuse();
    await until('the run to say what it waits for', async () =>
      (await pendingActivities(engine, 'run')).some(({ failure }) =>
        new RegExp(`The .*${side} database`).test(failure),
      ),
    );
    proxy.heal();
    await midCopy(engine, 3000);

    proxy.silence();
    // The length of the cut is the property.
    await sleep(silentMillis);
    proxy.heal();

    await engine.waitFor('run', 'verified', (view) => view.status === 'waiting', 90_000);
    expect([engine.isAlive('worker-bulk-1'), engine.isAlive('worker-control')]).toEqual([true, true]);
    await expectRejectsAsForetold(databases, 'run');
    await expectTargetEqualsSource(databases);
    await expectLedgerAddsUp(databases, 'run');
  },
  timeoutMillis,
);

async function midCopy(engine: Engine, migrated: number): Promise<void> {
  await engine.waitFor(
    'run',
    'in the middle of its copy',
    (view) => view.stage === 'copying' && view.progress.migrated >= migrated,
  );
}
