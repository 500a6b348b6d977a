import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MoveView } from '../../src/domain/blob-move.js';
import { readAudit } from '../../src/postgres/audit.js';
import type { BlobStore, Sha256 } from '../../src/storage/blob-store.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { moveStore } from '../../src/storage/move.js';
import { partRecords } from '../../src/storage/part-records.js';
import type { S3Settings } from '../../src/storage/s3/settings.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, testSecret } from '../support/engine.js';
import { FaultyS3 } from '../support/faulty-s3.js';
import { S3Server } from '../support/s3-server.js';

/** A store is brought from a folder to a bucket and back, by a control API that is a program of its own. */
const limit = 120_000;
const mebibyte = 1024 * 1024;
let databases: TestDatabases;
let server: S3Server;
let way: FaultyS3;
let engine: Engine;
let root: string;
let folder: string;
let store: BlobStore;
let settings: S3Settings;
let to: string;

beforeAll(async () => {
  databases = await createDatabases(0);
  server = await S3Server.start();
  way = await FaultyS3.before(server.endpoint);
  root = mkdtempSync(join(tmpdir(), 'cubeshift-move-'));
  engine = await Engine.start({ ...databases, apart: ['control'] });
}, limit);
afterAll(async () => {
  await engine?.stop();
  await databases?.drop();
  await way?.close();
  await server?.stop();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = mkdtempSync(join(root, 'store-'));
  store = createFolderStore(folder);
  settings = server.settings();
  to = `s3://${settings.bucket}/${settings.prefix}`;
  await startControl(folder);
}, limit);
afterEach(async () => {
  way.onRequest = () => true;
  await databases.cube.query(`update ledger.migrations set status = 'cancelled', finished_at = now() where finished_at is null;
    truncate storage.blobs, storage.parts cascade`);
});

async function startControl(url: string): Promise<void> {
  await engine.kill('control');
  engine.startProgram('control', {
    ...server.environment({ ...settings, endpoint: way.endpoint }),
    CUBE_STORAGE_URL: url,
  });
  await until('the control API to be ready', async () =>
    fetch(`${engine.url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
}

async function put(content: string | Buffer, { isOnRecord = true } = {}): Promise<Sha256> {
  const chunks = (async function* () {
    yield Buffer.from(content);
  })();
  const { sha256, size, keep } = await store.stage(chunks, 'test');
  await keep();
  if (isOnRecord)
    await databases.cube.query('insert into storage.blobs (sha256, size, stored_by) values ($1, $2, $3)', [
      sha256,
      size,
      'paperwork-files',
    ]);
  return sha256;
}

async function putSome(): Promise<readonly Sha256[]> {
  const contents = ['', ...Array.from({ length: 40 }, (_, index) => `content ${index}`), randomBytes(12 * mebibyte)];
  const sums: Sha256[] = [];
  for (const content of contents) sums.push(await put(content));
  return [...sums, await put('on no record', { isOnRecord: false })].toSorted();
}

async function wholeIn(place: BlobStore): Promise<readonly Sha256[]> {
  const sums: Sha256[] = [];
  for await (const { sha256 } of place.list()) {
    expect(await place.check(sha256)).toBeNull();
    sums.push(sha256);
  }
  expect(await place.owners()).toEqual([]);
  return sums;
}

const move = (...args: readonly string[]) =>
  runCommand(['blobs', 'move', ...args], { CONTROL_URL: engine.url, CUBE_JWT_SECRET: testSecret });
const fileOf = (sha256: Sha256) => join(folder, sha256.slice(0, 2), sha256);

test('a store is brought to a bucket and back to a folder, each content read back', { timeout: limit }, async () => {
  const sums = await putSome();
  const there = await move(to);
  expect([there.code, there.stdout]).toEqual([0, expect.stringContaining(`all contents are at ${to}, each read back`)]);
  expect(there.stdout).toContain(`brought to ${to}: 43 contents of `);
  expect(there.stderr).toContain(`Set CUBE_STORAGE_URL=${to} for all programs`);
  expect(await wholeIn(createS3Store(settings))).toEqual(sums);
  // The store itself is as it was.
  expect(await wholeIn(store)).toEqual(sums);
  const again = await move(to, '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({
    contents: 0,
    already_there: 43,
    unmoved: 0,
    missing_there: 0,
    moved: true,
  });

  await startControl(to);
  const back = join(root, `back-${settings.prefix}`);
  expect((await move(back)).code).toBe(0);
  expect(await wholeIn(createFolderStore(back))).toEqual(sums);
  expect((await databases.cube.query('select from storage.parts')).rowCount).toBe(0);
});

test('what the store does not have whole is named, and the store is not called moved', { timeout: limit }, async () => {
  await putSome();
  const [damaged, missing] = [await put('to be damaged'), await put('to be lost')];
  const large = await put(randomBytes(10 * mebibyte));
  writeFileSync(fileOf(damaged), 'to be damagef');
  writeFileSync(fileOf(large), Buffer.alloc(10 * mebibyte));
  rmSync(fileOf(missing));
  const { code, stdout, stderr } = await move(to);
  expect(code).toBe(5);
  for (const [sha256, what] of [
    [damaged, 'damaged'],
    [large, 'damaged'],
    [missing, 'missing'],
  ])
    expect(stdout).toMatch(new RegExp(`^${sha256} +${what}$`, 'm'));
  expect(stdout).not.toContain('all contents are at');
  expect(stderr).toContain(
    `The store is not moved: 3 contents could not be brought, and ${to} lacks 3 of those on record.`,
  );
  const target = createS3Store(settings);
  for (const sha256 of [damaged, missing, large]) expect(await target.has(sha256)).toBe(false);
  // Mended, it is moved; what was damaged at the place is written anew.
  writeFileSync(fileOf(damaged), 'to be damaged');
  await databases.cube.query('delete from storage.blobs where sha256 = any ($1)', [[missing, large]]);
  rmSync(fileOf(large));
  await server.objects().put(`${settings.prefix}/${damaged.slice(0, 2)}/${damaged}`, Buffer.from('something else'));
  const mended = JSON.parse((await move(to, '--json')).stdout);
  expect(mended).toMatchObject({ contents: 1, already_there: 43, moved: true });
  expect(await target.check(damaged)).toBeNull();
});

// Among small contents, and in the parts of the large one.
test.each([20, 95])(
  'a control API that is killed at request %i of a move loses nothing',
  { timeout: limit },
  async (at) => {
    const sums = await putSome();
    let count = 0;
    way.onRequest = () => {
      count += 1;
      if (count === at) engine.program('control').kill('SIGKILL');
      return count < at;
    };
    expect((await move(to)).code).not.toBe(0);
    way.onRequest = () => true;
    await startControl(folder);
    expect((await move(to)).code).toBe(0);
    expect(await wholeIn(createS3Store(settings))).toEqual(sums);
    expect(await wholeIn(store)).toEqual(sums);
  },
);

test('a server that is away ends the move with what to do, and the next goes on', { timeout: limit }, async () => {
  const sums = await putSome();
  way.answers = { status: 503, code: 'SlowDown', times: 1000 };
  const { code, stderr } = await move(to);
  expect([code, stderr]).toEqual([1, expect.stringContaining('does not carry out requests at present (503 SlowDown)')]);
  way.answers = undefined;
  expect((await move(to)).code).toBe(0);
  expect(await wholeIn(createS3Store(settings))).toEqual(sums);
});

test('a round ends within a page of the store, and the next goes on behind it', async () => {
  const sums = [
    await put('one'),
    await put('two'),
    await put('three'),
    await put('on no record', { isOnRecord: false }),
  ];
  const target = createFolderStore(join(root, `rounds-${settings.prefix}`));
  const rounds: MoveView[] = [];
  for (let cursor: string | null | undefined; cursor !== null; cursor = rounds.at(-1)?.next_cursor ?? null)
    rounds.push(await moveStore({ cube: databases.cube, store, target, to: 'rounds', roundMillis: 0 }, cursor));
  expect(rounds.map(({ contents, unmoved }) => [contents, unmoved])).toEqual([
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
  expect(rounds.map(({ missing_there }) => missing_there)).toEqual([null, null, null, 0]);
  expect(await wholeIn(target)).toEqual(sums.toSorted());
});

test('a round that is over when the next page of the store comes is not the end of the store', async () => {
  const kept = await put('kept');
  const target = createFolderStore(join(root, `pages-${settings.prefix}`));
  const roundMillis = 500;
  // A page of what has left the store, and another one that comes once the round is over.
  const gone = Array.from({ length: 500 }, (_, at) => `${'0'.repeat(60)}${String(at).padStart(4, '0')}`);
  let isLate = true;
  const slow: BlobStore = {
    ...store,
    async *list(after = '') {
      for (const sha256 of gone) if (sha256 > after) yield { sha256, size: 1, storedAt: new Date() };
      if (after !== '' && isLate)
        for (const end = performance.now() + roundMillis; performance.now() < end; ) await nextTurn();
      isLate = false;
      yield* store.list(after);
    },
  };
  const rounds: MoveView[] = [];
  for (let cursor: string | null | undefined; cursor !== null; cursor = rounds.at(-1)?.next_cursor ?? null)
    rounds.push(await moveStore({ cube: databases.cube, store: slow, target, to: 'pages', roundMillis }, cursor));
  expect(rounds.length).toBeGreaterThan(1);
  expect(rounds.map(({ unmoved }) => unmoved)).toEqual(rounds.map(() => 0));
  expect(rounds.at(-1)).toMatchObject({ contents: 1, missing_there: 0 });
  expect(await target.has(kept)).toBe(true);
});

test('what leaves the store while it is moved is missed only where it is on record', async () => {
  const [lost, swept, kept] = [await put('lost'), await put('swept', { isOnRecord: false }), await put('kept')];
  const target = createFolderStore(join(root, `leaving-${settings.prefix}`));
  const leaving: BlobStore = {
    ...store,
    async *list(after) {
      for await (const blob of store.list(after)) {
        if (blob.sha256 !== kept) rmSync(fileOf(blob.sha256));
        yield blob;
      }
    },
  };
  const moved = await moveStore({ cube: databases.cube, store: leaving, target, to: 'leaving' }, undefined);
  expect(moved).toMatchObject({
    contents: 1,
    items: [{ sha256: lost, damage: 'missing' }],
    unmoved: 1,
    missing_there: 1,
  });
  expect(await target.has(swept)).toBe(false);
});

test('one call moves at a time: another is refused until it has ended', { timeout: limit }, async () => {
  await put(randomBytes(12 * mebibyte));
  let second: Promise<{ status: number; body: unknown }> | undefined;
  way.onRequest = (line) => {
    if (second !== undefined || !line.startsWith('PUT ')) return true;
    // The other call is answered long before what was sent has been read back.
    way.bytesPerMillisecond = 256;
    second = engine.call('POST', '/v1/blobs/move', { to });
    return true;
  };
  const first = engine.call('POST', '/v1/blobs/move', { to });
  await until('the second call', () => second !== undefined);
  expect(await second).toMatchObject({ status: 409, body: { type: expect.stringContaining('not_at_this_stage') } });
  way.bytesPerMillisecond = Number.POSITIVE_INFINITY;
  expect(await first).toMatchObject({ status: 200, body: { contents: 1, next_cursor: null } });
  expect((await engine.call('POST', '/v1/blobs/move', { to })).status).toBe(200);
});

test('nothing is left of a move that was ended in the middle of a large content that is gone', async () => {
  const { cube } = databases;
  const target = createFolderStore(join(root, `left-${settings.prefix}`));
  const name = `left ${'a'.repeat(64)}`;
  const cut = { size: 10 * mebibyte, stat: 'a', from: () => failing() };
  async function* failing(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(mebibyte);
    throw new Error('of a test');
  }
  await expect(
    target.stageInParts(cut, { owner: 'move', name, records: partRecords(cube, 'move', name) }),
  ).rejects.toThrow('of a test');
  await partRecords(cube, 'move', name).add(0, { sha256: 'a'.repeat(64), size: mebibyte }, 'a');
  expect(await target.owners()).toEqual(['move']);
  await moveStore({ cube, store, target, to: 'left' }, undefined);
  expect(await target.owners()).toEqual([]);
  expect((await cube.query('select from storage.parts')).rowCount).toBe(0);
});

describe('a request', () => {
  test('is refused while a migration uses the store, and goes to a place alone that may be a store', async () => {
    await putSome();
    await databases.cube.query(`insert into ledger.migrations (id, kind, mode, options, workflow_id, started_by, status, run_id)
      values ('files', 'paperwork-files', 'copy', '{}', 'paperwork-files/files', 'test', 'running', 'r')`);
    const busy = await move(to);
    expect([busy.code, busy.stderr]).toEqual([4, expect.stringContaining('files, which uses the store, is running')]);
    await databases.cube.query("update ledger.migrations set finished_at = now() where id = 'files'");
    const strangers = join(root, 'strangers');
    mkdirSync(strangers, { recursive: true });
    writeFileSync(join(strangers, 'file'), 'a');
    for (const [place, problem] of [
      [strangers, 'neither empty nor a store'],
      [join(strangers, 'file'), 'cannot be read as a folder'],
      [folder, 'is the store itself'],
      [join(folder, 'within'), 'is the store itself, lies within it'],
      ['contents', 'an absolute path'],
      ['s3://Wrong/place', 'must be a folder, or s3://'],
      ['http://127.0.0.1/', 'must be a folder, or s3://'],
      ['s3://key:typed-secret@bucket/place', 'must be a folder, or s3://'],
    ] as const) {
      const { code, stderr } = await move(place);
      expect([code, stderr]).toEqual([2, expect.stringContaining(problem)]);
    }
    expect(await server.keys(settings.prefix)).toEqual([]);
    const audit = await readAudit(databases.cube, { before: String(2n ** 62n), limit: 100 });
    expect(JSON.stringify(audit)).not.toContain('typed-secret');
  });

  test('needs migration:write, and is in the audit with what it brought', async () => {
    for (const body of [{}, { to: '' }, { to, all: true }, { to, cursor: 'x' }])
      expect((await engine.call('POST', '/v1/blobs/move', body)).status).toBe(400);
    expect((await engine.call('POST', '/v1/blobs/move', { to }, ['migration:read'])).status).toBe(403);
    await put('a model');
    expect((await engine.call('POST', '/v1/blobs/move', { to })).status).toBe(200);
    const [entry] = await readAudit(databases.cube, { before: String(2n ** 62n), limit: 1 });
    expect(entry).toMatchObject({
      action: 'blobs.move',
      subject: 'store',
      details: { to, from: null },
      outcome: { what: 'done' },
    });
  });

  test('for a bucket says which variables the control API lacks', async () => {
    await engine.kill('control');
    engine.startProgram('control', { CUBE_STORAGE_URL: folder });
    await until('the control API', async () =>
      fetch(`${engine.url}/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const { code, stderr } = await move(to);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('CUBE_STORAGE_ENDPOINT, CUBE_STORAGE_ACCESS_KEY and CUBE_STORAGE_SECRET_KEY are not set'),
    ]);
  });
});
