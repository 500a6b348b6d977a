import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { createRole, type TestRole } from '../support/roles.js';

/**
 * The GRANTs that the README lists: enough for a whole run, and none of them too many. PostgreSQL gives some of them to
 * everybody; here nobody has anything that is not listed.
 */
let databases: TestDatabases;
let reader: TestRole;
let owner: TestRole;
let engine: Engine;
let name: string;

beforeAll(async () => {
  databases = await createDatabases(3000);
  name = new URL(databases.legacyUrl).pathname.slice(1);
  reader = await createRole(databases.legacy);
  owner = await createRole(databases.cube);
  await databases.legacy.query(
    `revoke all on database ${name} from public;
     revoke all on schema public from public`,
  );
  await databases.cube.query(
    `revoke all on database ${name} from public;
     revoke all on schema public from public`,
  );
  await databases.legacy.query(legacyGrants().join(';'));
  await databases.cube.query(`grant connect, create on database ${name} to ${owner.name}`);
  engine = await Engine.start({
    legacyUrl: reader.url(databases.legacyUrl),
    cubeUrl: owner.url(databases.cubeUrl),
    bulkWorkers: 2,
    apart: ['control', 'worker-control', 'worker-bulk'],
  });
});
afterAll(async () => {
  await engine.stop();
  await reader.drop();
  await owner.drop();
  await databases.drop();
});

/** What the README says for legacy. */
function legacyGrants(): readonly string[] {
  return [
    `grant connect on database ${name} to ${reader.name}`,
    `grant usage on schema public to ${reader.name}`,
    `grant select on saju_records to ${reader.name}`,
  ];
}

function revocation(grant: string): string {
  return grant.replace('grant ', 'revoke ').replace(' to ', ' from ');
}

describe('a role that may only read legacy, and one that may only make schemas in the cube database', () => {
  test('neither is a superuser, replicates, or makes roles or databases', async () => {
    for (const [pool, role] of [
      [databases.legacy, reader],
      [databases.cube, owner],
    ] as const) {
      const found = await pool.query(
        'select rolsuper, rolreplication, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = $1',
        [role.name],
      );
      expect(Object.values(found.rows[0] ?? {})).toEqual([false, false, false, false, false]);
    }
  });

  test('no grant on legacy can be left out: without any of them a run fails before it changes anything', async () => {
    for (const [place, grant] of legacyGrants().entries()) {
      await engine.kill('worker-control');
      await databases.legacy.query(revocation(grant));
      engine.startProgram('worker-control');
      const id = `without-${place}`;
      await engine.startMigration(id);
      expect(await engine.waitForRest(id), grant).toMatchObject({
        status: 'failed',
        stage: 'preflight',
        error: { type: 'permission_denied', message: expect.stringContaining('legacy database') },
      });
      await databases.legacy.query(grant);
    }
    await engine.kill('worker-control');
    engine.startProgram('worker-control');
  });

  test('with just these a run moves, verifies, is paused, killed and resumed, and is rolled back', async () => {
    await engine.startMigration('undone', { rows_per_second: 2000 });
    await engine.waitFor('undone', 'copying', ({ progress }) => progress.migrated > 0, 40_000);
    await engine.kill('worker-bulk-1');
    engine.startProgram('worker-bulk-1');
    await engine.steer('undone', 'pause');
    await engine.waitFor('undone', 'paused', ({ status }) => status === 'paused', 50_000);
    await engine.steer('undone', 'resume');
    expect(await engine.waitForRest('undone', 120_000)).toMatchObject({ status: 'waiting', stage: 'verified' });
    await engine.steer('undone', 'rollback');
    expect(await engine.waitForRest('undone')).toMatchObject({ status: 'rolled_back' });
    await engine.startMigration('kept');
    expect(await engine.waitForRest('kept')).toMatchObject({ status: 'waiting', stage: 'verified' });
    await expectTargetEqualsSource(databases);
    await expectRejectsAsForetold(databases, 'kept');
  }, 180_000);

  test('with just these a mismatch is repaired, rejects are retried, and the run completes', async () => {
    await databases.cube.query(
      "update saju.charts set user_id = user_id || '!' where id = (select max(id) from saju.charts)",
    );
    await engine.steer('kept', 'verify');
    await engine.waitFor('kept', 'blocked by the mismatch', ({ status }) => status === 'blocked');
    await engine.steer('kept', 'repair');
    await engine.waitFor('kept', 'verified again', ({ status, stage }) => status === 'waiting' && stage === 'verified');
    await engine.steer('kept', 'rejects/retry');
    await engine.waitFor('kept', 'verified again', ({ status, stage }) => status === 'waiting' && stage === 'verified');
    await expectTargetEqualsSource(databases);
    await engine.complete('kept');
    expect(await engine.waitForRest('kept')).toMatchObject({ status: 'completed' });
  });

  test('once the schemas are there, a start needs CREATE on the database no more', async () => {
    await databases.cube.query(`revoke create on database ${name} from ${owner.name}`);
    await engine.kill('control');
    engine.startProgram('control');
    await until('the API to be ready', async () => (await fetch(`${engine.url}/ready`).catch(() => undefined))?.ok);
  });
});
