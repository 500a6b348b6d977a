import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CrashPoint } from '../../src/base/crash-points.js';
import { defaultOptionsOf, type MigrationKind } from '../../src/domain/catalog.js';
import type { MigrationId } from '../../src/domain/migration/migration.js';
import type { SweepView } from '../../src/domain/sweep.js';
import { readAudit } from '../../src/postgres/audit.js';
import { inTransaction } from '../../src/postgres/connect.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';
import { intendBlobs, recordBlobs } from '../../src/storage/blob-records.js';
import type { BlobStore, Sha256 } from '../../src/storage/blob-store.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { keepStoreAtRest } from '../../src/storage/store-at-rest.js';
import { sweepStore } from '../../src/storage/sweep.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, testSecret } from '../support/engine.js';
import { sweepCrashPoints } from '../support/sweep-crash-points.js';

/** What nothing refers to leaves the store: through the control API as a program of its own, on real files and records. */
let databases: TestDatabases;
let engine: Engine;
let folder: string;
let store: BlobStore;
const twoDaysAgo = new Date(Date.now() - 48 * 3600 * 1000);

beforeAll(async () => {
  databases = await createDatabases(0);
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-sweep-'));
  store = createFolderStore(folder);
  engine = await Engine.start({
    ...databases,
    apart: ['control'],
    environment: { control: { CUBE_STORAGE_URL: folder } },
  });
}, 120_000);
afterAll(async () => {
  await engine?.stop();
  await databases?.drop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => databases.cube.query("insert into ai.models (id, name) values (1, 'model')"));
afterEach(async () => {
  await databases.cube.query(`update ledger.migrations set status = 'cancelled', finished_at = now() where finished_at is null;
    truncate ai.models, ai.model_versions, storage.blobs, storage.intended, storage.checks cascade`);
  // The store stays: an empty folder would pass for a disk that is not mounted.
  for (const name of readdirSync(folder))
    if (name !== '.staging') rmSync(join(folder, name), { recursive: true });
    else for (const file of readdirSync(join(folder, name))) rmSync(join(folder, name, file), { recursive: true });
});

const fileOf = (sha256: Sha256) => join(folder, sha256.slice(0, 2), sha256);

/** A content in the store and on record, as old as its file and its record are said to be. */
async function put(
  text: string,
  { file = twoDaysAgo, record = twoDaysAgo, by = 'ai-models' }: { file?: Date; record?: Date | null; by?: string } = {},
): Promise<Sha256> {
  const staged = await store.stage(chunk(text), 'test');
  await staged.keep();
  utimesSync(fileOf(staged.sha256), file, file);
  if (record !== null)
    await databases.cube.query(
      'insert into storage.blobs (sha256, size, stored_at, stored_by) values ($1, $2, $3, $4)',
      [staged.sha256, staged.size, record, by],
    );
  return staged.sha256;
}

async function* chunk(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

const refer = (sha256: Sha256, files: Readonly<Record<string, Sha256>> = {}) =>
  databases.cube.query(
    `insert into ai.model_versions (model_id, form, sha256, source_sha256, files, state) values (1, 'float', $1, $1, $2, 'imported')`,
    [sha256, JSON.stringify(files)],
  );

async function sweep(dryRun = false): Promise<SweepView> {
  const { status, body } = await engine.call('POST', '/v1/blobs/sweep', { dry_run: dryRun });
  expect([status, body]).toEqual([200, expect.anything()]);
  return body as unknown as SweepView;
}

const sumsOf = ({ items }: SweepView) => items.map(({ sha256 }) => sha256);
const files = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
const records = async () =>
  (await databases.cube.query<{ sha256: Sha256 }>('select sha256 from storage.blobs order by 1')).rows.map(
    ({ sha256 }) => sha256,
  );

async function startRun(kind: MigrationKind, status: string, id = `${kind}-${status}`): Promise<void> {
  const start = { id: id as MigrationId, kind, mode: 'copy', options: defaultOptionsOf(kind) } as const;
  await recordStart(databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
  // Never adopted by the control API as a run without a plan.
  await databases.cube.query(`update ledger.migrations set status = $2, run_id = 'r' where id = $1`, [id, status]);
}

describe('a sweep', () => {
  test('removes what nothing refers to, its record too, and nothing else; a dry run says the same and removes nothing', async () => {
    const [graph, weights, forgotten, gone] = [
      await put('graph'),
      await put('weights'),
      await put('old'),
      await put('x'),
    ];
    const stranger = await put('a file without a record', { record: null });
    await refer(graph, { 'layer.bin': weights });
    rmSync(fileOf(gone));
    const removed = [forgotten, gone, stranger].sort();
    const dry = await sweep(true);
    expect(dry).toMatchObject({ dry_run: true, contents: 3, temporary_files: 0, next_cursor: null });
    expect(sumsOf(dry)).toEqual(removed);
    expect(dry.bytes).toBe('old'.length + 'x'.length + 'a file without a record'.length);
    expect(dry.items.find(({ sha256 }) => sha256 === stranger)?.stored_at).toBeNull();
    expect([files().length, (await records()).length]).toEqual([4, 4]);
    const { dry_run: _, ...done } = await sweep();
    expect(done).toEqual({ ...dry, dry_run: undefined });
    expect([files(), await records()]).toEqual([[graph, weights].sort(), [graph, weights].sort()]);
    expect(await sweep()).toMatchObject({ contents: 0, bytes: 0, items: [] });
  });

  test('keeps what is younger than a day, by its record or by its file, and what a step is about to store', async () => {
    const now = new Date();
    const kept = [
      await put('young by its record', { record: now }),
      await put('young by its file', { file: now }),
      await put('young and on no record', { file: now, record: null }),
      await put('intended', { record: null }),
      await put('of a kind that a later version has', { by: 'kind-of-tomorrow' }),
    ];
    await inTransaction(databases.cube, (client) => intendBlobs(client, 'ai-models/7', kept.slice(3, 4)));
    expect(await sweep()).toMatchObject({ contents: 0 });
    expect(files()).toEqual(kept.sort());
  });

  test('removes temporary files that are older than a day', async () => {
    await store.stage(chunk('old'), 'ai-models/1');
    await store.stage(chunk('young'), 'ai-models/2');
    const staged = (owner: string) =>
      readdirSync(join(folder, '.staging')).find((name) => name.startsWith(encodeURIComponent(owner))) ?? '';
    const [old, young] = [staged('ai-models/1'), staged('ai-models/2')];
    const withdrawn = await put('withdrawn just now, and written long ago');
    await store.withdraw(withdrawn, 'ai-models/3');
    utimesSync(join(folder, '.staging', old), twoDaysAgo, twoDaysAgo);
    writeFileSync(join(folder, '.staging', 'left by another version'), '');
    utimesSync(join(folder, '.staging', 'left by another version'), twoDaysAgo, twoDaysAgo);
    expect(await sweep(true)).toMatchObject({ temporary_files: 2 });
    expect(await sweep()).toMatchObject({ temporary_files: 2 });
    const left = files().join();
    expect(left).toContain(young);
    expect(left).toContain(withdrawn);
    expect(files()).toHaveLength(2);
  });

  test('goes on where the call before ended', async () => {
    const sums: Sha256[] = [];
    for (let place = 0; place < 520; place++) sums.push(await put(`content ${place}`));
    const context = { cube: databases.cube, store, clock: () => new Date(), reach: () => undefined };
    const [first, second] = sums.sort();
    await refer(second ?? '');
    const last = sums.at(-2);
    const view = await sweepStore(context, { dryRun: false, cursor: last });
    expect([view.contents, sumsOf(view)]).toEqual([1, [sums.at(-1)]]);
    const all = await sweepStore(context, { dryRun: false });
    expect([all.contents, all.items.length, sumsOf(all)[0]]).toEqual([518, 100, first]);
    expect(files()).toEqual([second]);
  });
});

test('a store whose disk is not mounted is away, and nothing is taken off the record', async () => {
  await put('forgotten');
  renameSync(folder, `${folder}.away`);
  mkdirSync(folder);
  try {
    for (const dryRun of [true, false]) {
      const { status, body } = await engine.call('POST', '/v1/blobs/sweep', { dry_run: dryRun });
      expect([status, body]).toMatchObject([503, { type: 'storage_unreachable' }]);
    }
    expect([await records(), readdirSync(folder)]).toEqual([[expect.anything()], []]);
  } finally {
    rmSync(folder, { recursive: true });
    renameSync(`${folder}.away`, folder);
  }
  expect(await sweep()).toMatchObject({ contents: 1 });
});

describe('while a migration uses the store', () => {
  test.each(['running', 'paused', 'blocked'])(
    'one that is %s, nothing is removed, by a dry run neither',
    async (status) => {
      await put('forgotten');
      await startRun('ai-models', status);
      for (const dryRun of [true, false]) {
        const { status: code, body } = await engine.call('POST', '/v1/blobs/sweep', { dry_run: dryRun });
        const detail = `The ai-models migration ai-models-${status}, which uses the store, is ${status}.`;
        expect([code, body]).toMatchObject([409, { type: 'not_at_this_stage', detail }]);
      }
      expect(files()).toHaveLength(1);
    },
  );

  test('one that waits for a command, and one of a kind that stores nothing, holds nothing up', async () => {
    await put('forgotten');
    await startRun('ai-models', 'waiting');
    await startRun('saju-records', 'running');
    expect(await sweep()).toMatchObject({ contents: 1 });
  });

  test('none begins or goes on while contents leave', async () => {
    await startRun('ai-models', 'waiting', 'at-rest');
    const happened: string[] = [];
    await inTransaction(databases.cube, async (client) => {
      await keepStoreAtRest(client);
      const waiting = [
        startRun('saju-records', 'running', 'begins').then(() => happened.push('begins')),
        databases.cube
          .query("update ledger.migrations set status = 'running' where id = 'at-rest'")
          .then(() => happened.push('goes on')),
      ];
      await sleep(500);
      happened.push('swept');
      void Promise.all(waiting);
    });
    await until('both to begin', async () => happened.length === 3);
    expect(happened[0]).toBe('swept');
  });

  test('a step that has recorded a content keeps it, though its transaction ends after the sweep began', async () => {
    const sha256 = await put('recorded by a step', { record: null });
    let swept: Promise<SweepView> | undefined;
    await inTransaction(databases.cube, async (client) => {
      await recordBlobs(client, store, [{ sha256, size: 18 }], { owner: 'ai-models/1', storedBy: 'ai-models' });
      await client.query(
        `insert into ai.model_versions (model_id, form, sha256, source_sha256, state) values (1, 'float', $1, $1, 'imported')`,
        [sha256],
      );
      swept = sweep();
      await sleep(500);
    });
    expect(await swept).toMatchObject({ contents: 0 });
    expect(files()).toEqual([sha256]);
  });

  test('a content that is stored anew meanwhile stays', async () => {
    const sha256 = await put('stored twice', { record: null });
    const rewriting: BlobStore = {
      ...store,
      withdrawMany: async (contents, owner) => {
        await (await store.stage(chunk('stored twice'), 'ai-models/1')).keep();
        return store.withdrawMany(contents, owner);
      },
    };
    const context = { cube: databases.cube, store: rewriting, clock: () => new Date(), reach: () => undefined };
    expect(await sweepStore(context, { dryRun: false })).toMatchObject({ contents: 0 });
    expect(files()).toEqual([sha256]);
  });
});

describe('a control API that is killed in the middle of a sweep', () => {
  test.each(sweepCrashPoints)('%s, leaves what the next sweep removes', { timeout: 60_000 }, async (point) => {
    const sums = [await put('one'), await put('two'), await put('three')];
    const kept = await put('kept');
    await refer(kept);
    await killedAt(point);
    expect(files().length).toBeGreaterThan(1);
    expect(await records()).toHaveLength(point === 'after-sweep-commit' ? 1 : 4);
    const { contents } = await sweep();
    expect(contents).toBe(3);
    expect(sums).toHaveLength(3);
    expect([files(), await records()]).toEqual([[kept], [kept]]);
  });

  test('loses nothing that is referred to by the time of the next', { timeout: 60_000 }, async () => {
    const sha256 = await put('wanted after all');
    await killedAt('after-contents-withdrawn');
    expect(await store.has(sha256)).toBe(false);
    await refer(sha256);
    expect(await sweep()).toMatchObject({ contents: 0 });
    expect(files()).toEqual([sha256]);
  });

  async function killedAt(point: CrashPoint): Promise<void> {
    await engine.kill('control');
    engine.startProgram('control', { CUBESHIFT_CRASH_POINT: point });
    await isReady();
    await expect(engine.call('POST', '/v1/blobs/sweep', { dry_run: false })).rejects.toThrow();
    await until('the control API to be killed', async () => !engine.isAlive('control'));
    engine.startProgram('control');
    await isReady();
  }

  const isReady = () =>
    until('the control API to be ready', async () =>
      fetch(`${engine.url}/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
});

describe('a request', () => {
  test('needs migration:write, and says whether it is a dry run', async () => {
    for (const body of [{}, { dry_run: 'yes' }, { dry_run: true, all: true }, { dry_run: true, cursor: 'x' }])
      expect((await engine.call('POST', '/v1/blobs/sweep', body)).status).toBe(400);
    const { status } = await engine.call('POST', '/v1/blobs/sweep', { dry_run: true }, ['migration:read']);
    expect(status).toBe(403);
  });

  test('that removes is in the audit with what it removed; a dry run is not', async () => {
    const newest = async () => (await readAudit(databases.cube, { before: String(2n ** 62n), limit: 1 }))[0];
    await put('forgotten');
    const before = await newest();
    await sweep(true);
    expect(await newest()).toEqual(before);
    await sweep();
    expect(await newest()).toMatchObject({
      actor: 'test',
      action: 'blobs.sweep',
      subject: 'store',
      outcome: { what: 'done' },
    });
    const entries = await databases.cube.query(
      "select details from audit.entries where action = 'blobs.sweep.done' order by seq desc limit 1",
    );
    expect(entries.rows[0]?.details).toMatchObject({ contents: 1, bytes: 9, temporary_files: 0 });
  });
});

describe('cubeshift blobs sweep', () => {
  const cubeshift = (...args: readonly string[]) =>
    runCommand(['blobs', 'sweep', ...args], { CONTROL_URL: engine.url, CUBE_JWT_SECRET: testSecret });

  test('says what would leave, then removes it', async () => {
    const sha256 = await put('forgotten');
    const dry = await cubeshift('--dry-run');
    expect([dry.code, dry.stderr]).toEqual([0, '']);
    expect(dry.stdout).toMatch(new RegExp(`^${sha256} +9 +${twoDaysAgo.toISOString().slice(0, 10)}`, 'm'));
    expect(dry.stdout).toMatch(/would be removed: 1 content of 9 bytes and 0 temporary files\n$/);
    const json = await cubeshift('--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ dry_run: false, contents: 1, items: [{ sha256 }] });
    expect(files()).toEqual([]);
    await startRun('ai-models', 'running', 'works');
    const refused = await cubeshift();
    expect([refused.code, refused.stdout]).toEqual([4, '']);
    expect(refused.stderr).toContain('Nothing is removed from the store while it is.');
  });
});
