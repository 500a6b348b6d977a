import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';

/** Seconds the look at the whole target takes here: longer than a short step may, shorter than one that tells nothing. */
const lookSeconds = 17;
let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(300);
  engine = await Engine.start({ ...databases, apart: ['worker-control', 'worker-bulk'] });
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

test('a preflight that looks at its target for longer than a short step may take ends all the same', async () => {
  await engine.startMigration('first');
  await engine.waitFor('first', 'verified', ({ status }) => status === 'waiting');
  await engine.steer('first', 'cancel');
  await engine.waitFor('first', 'cancelled', ({ status }) => status === 'cancelled');
  await makeTargetSlow();
  await engine.startMigration('second');
  await engine.waitFor('second', 'beyond its preflight', ({ stage }) => stage !== 'preflight', 90_000);
  expect(engine.logOf('worker-control')).not.toContain('step_stalled');
}, 120_000);

/** Behind a view that lingers at each row, as a disk does that is slow: only where preflight asks who owns the rows. */
async function makeTargetSlow(): Promise<void> {
  await databases.cube.query(
    `alter table saju.charts rename to quick_charts;
     create function saju.linger() returns boolean language plpgsql volatile as $$
       begin
         if current_query() like '%ledger.batches%' and current_setting('application_name') like 'cubeshift%' then
           perform pg_sleep(${lookSeconds}.0 / (select count(*) from saju.quick_charts));
         end if;
         return true;
       end $$;
     create view saju.charts with (security_barrier) as select * from saju.quick_charts where saju.linger();`,
  );
}
