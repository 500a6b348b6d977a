import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { StallingProxy } from '../support/stalling-proxy.js';

/** Statements of short steps that act long after a second attempt has done their work and the plan has gone on. */
const timeoutMillis = 60_000;
let databases: TestDatabases;
let proxy: StallingProxy;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(300);
  proxy = await StallingProxy.before(databases.cubeUrl);
  engine = await Engine.start({ ...databases, environment: { 'worker-control': { CUBE_DATABASE_URL: proxy.url } } });
});
afterAll(async () => {
  await engine.stop();
  await proxy.close();
  await databases.drop();
});

test(
  'an acceptance, a start of a comparison and a handing over that come late change nothing any more',
  async () => {
    const [accepting, comparing] = [
      proxy.stall("set resolution = 'accepted'"),
      proxy.stall('insert into ledger.verifications'),
    ];
    await engine.startMigration('first', { reject_limit_percent: 0.1 });
    await engine.waitFor('first', 'blocked by rejects', ({ status }) => status === 'blocked');
    await engine.steer('first', 'rejects/accept', { all: true, by: 'tester', why: 'foretold' });
    const acceptance = await accepting;
    const comparison = await comparing;
    await engine.waitFor('first', 'verified', ({ status }) => status === 'waiting', timeoutMillis);
    const reopened = await databases.cube.query(
      `update ledger.rejects set resolution = 'open', accepted_by = null, last_attempt_at = now()
        where source_id = (select min(source_id) from ledger.rejects) returning 1`,
    );
    expect(reopened.rowCount).toBe(1);
    await acceptance.letGo();
    await comparison.letGo();
    const open = await databases.cube.query("select from ledger.rejects where resolution = 'open'");
    expect(open.rowCount).toBe(1);
    const verifications = await databases.cube.query('select status from ledger.verifications');
    expect(verifications.rows).toEqual([{ status: 'clean' }]);

    const handing = proxy.stall("set state = 'final'");
    await engine.complete('first');
    const handingOver = await handing;
    await engine.waitFor('first', 'completed', ({ status }) => status === 'completed', timeoutMillis);
    await databases.cube.query('delete from saju.charts');
    await engine.startMigration('second', { reject_limit_percent: 100 });
    await engine.waitFor('second', 'verified', ({ status }) => status === 'waiting', timeoutMillis);
    await handingOver.letGo();
    const states = await databases.cube.query(
      "select distinct state from ledger.batches where migration_id = 'second'",
    );
    expect(states.rows).toEqual([{ state: 'owned' }]);
    await engine.steer('second', 'rollback');
    await engine.waitFor('second', 'rolled back', ({ status }) => status === 'rolled_back', timeoutMillis);
    expect((await databases.cube.query('select from saju.charts')).rowCount).toBe(0);
  },
  4 * timeoutMillis,
);
