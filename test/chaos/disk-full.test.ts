import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, inject, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { pendingActivities } from '../support/pending-work.js';

const timeoutMillis = 150_000;
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test.skipIf(!canMount())(
  'a run waits for room on a full disk of the cube, and goes on once there is some (needs root)',
  {
    timeout: timeoutMillis,
  },
  async () => {
    const disk = smallDisk(await ownerOfData());
    const { databases, engine } = await begin();
    const space = `small_${process.pid}`;
    await databases.cube.query(`create tablespace ${space} location '${disk.folder}'`);
    ends.push(async () => {
      await databases.drop();
      await onCubeServer(`drop tablespace ${space}`);
    });
    await databases.cube.query(`alter table saju.charts set tablespace ${space}`);
    await goesOnOnceThereIsRoom(databases, engine, async () => disk.grow());
  },
);

test('a run waits while the cube says that its disk is full, and goes on once it no longer does', {
  timeout: timeoutMillis,
}, async () => {
  const { databases, engine } = await begin();
  ends.push(() => databases.drop());
  await databases.cube.query(`create function full_disk() returns trigger language plpgsql as $$
    begin
      if new.id % 1000 = 999 then raise sqlstate '53100' using message = 'could not extend file: No space left on device'; end if;
      return new;
    end $$`);
  await databases.cube.query(
    'create trigger full_disk before insert on saju.charts for each row execute function full_disk()',
  );
  await goesOnOnceThereIsRoom(databases, engine, async () => {
    await databases.cube.query('drop trigger full_disk on saju.charts');
  });
});

async function begin(): Promise<{ databases: TestDatabases; engine: Engine }> {
  const databases = await createDatabases(8000);
  const engine = await Engine.start({ ...databases, apart: ['worker-bulk'] });
  ends.push(() => engine.stop());
  return { databases, engine };
}

async function goesOnOnceThereIsRoom(databases: TestDatabases, engine: Engine, makeRoom: () => Promise<void>) {
  await engine.startMigration('run', { batch_rows: 100, reject_limit_percent: 5 });
  await until('the run to say that the disk is full', async () =>
    (await pendingActivities(engine, 'run')).some(
      ({ name, failure }) =>
        name === 'copyLane' &&
        failure === 'The disk of the cube database is full (SQLSTATE 53100); nothing that was committed is lost.',
    ),
  );
  expect(engine.logOf('worker-bulk-1')).toContain('"type":"disk_full"');
  expect(await engine.view('run')).toMatchObject({
    status: 'running',
    stage: 'copying',
    error: { type: 'disk_full', message: expect.stringContaining('SQLSTATE 53100') },
  });
  await makeRoom();
  await engine.waitFor('run', 'verified', (view) => view.status === 'waiting', 90_000);
  await expectRejectsAsForetold(databases, 'run');
  await expectTargetEqualsSource(databases);
  await expectLedgerAddsUp(databases, 'run');
}

/** The user under whom PostgreSQL runs for root. */
async function ownerOfData(): Promise<number> {
  const found = await onCubeServer("select current_setting('data_directory') as folder");
  return statSync(String(found.rows[0]?.folder)).uid;
}

/** A disk of two megabytes that can be made larger. */
function smallDisk(owner: number): { folder: string; grow: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-disk-'));
  asRoot('mount', '-t', 'tmpfs', '-o', `size=2m,mode=700,uid=${owner},gid=${owner}`, 'tmpfs', folder);
  ends.push(() => {
    asRoot('umount', folder);
    rmdirSync(folder);
  });
  return { folder, grow: () => asRoot('mount', '-o', 'remount,size=256m', folder) };
}

/** Only root may, and in many containers not even root. */
function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-disk-'));
  try {
    asRoot('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder);
    asRoot('umount', folder);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}

function asRoot(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'ignore' });
}

async function onCubeServer(statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: inject('servers').cubeUrl });
  await client.connect();
  return client.query(statement).finally(() => client.end());
}
