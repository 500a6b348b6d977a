import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { uploadLimitsOf } from '../../src/domain/paperwork/upload.js';
import type { S3Settings } from '../../src/storage/s3/settings.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import type { Engine } from '../support/engine.js';
import { paperworkToken, startPaperworkCubeHere } from '../support/paperwork-cube-here.js';
import { PaperworkStack, sha256Of } from '../support/paperwork-stack.js';
import { S3Server } from '../support/s3-server.js';

/** A migration of paperwork files whose store is a bucket, from its start to its rollback. */
const limit = 200_000;
const mebibyte = 1024 * 1024;
const worker = 'worker-bulk-1';
const large = randomBytes(37 * mebibyte);
const texts = Array.from({ length: 60 }, (_, id) => `content ${id % 50}`);
let server: S3Server;
let settings: S3Settings;
let tree: PaperworkStack;
let engine: Engine;

beforeAll(async () => {
  server = await S3Server.start();
  settings = server.settings('one/of-several');
  tree = await PaperworkStack.create(undefined, server.environment(settings));
  for (const [index, text] of texts.entries()) await tree.addFile(index + 1, `a/${index + 1}`, text);
  await tree.addFile(100, 'empty', '');
  await tree.addFile(101, 'large', large, 'application/octet-stream');
  await tree.addResult(1, 101);
  engine = await tree.startEngine(worker);
}, limit);
afterAll(async () => {
  await engine?.stop();
  await tree?.drop();
  await server?.stop();
}, limit);

const addressOf = (content: string | Buffer) => {
  const sha256 = sha256Of(content);
  return `${settings.prefix}/${sha256.slice(0, 2)}/${sha256}`;
};
const marker = () => `${settings.prefix}/.cubeshift-store`;
const contents = [...new Set([...texts.map((text) => Buffer.from(text)), Buffer.alloc(0), large].map(sha256Of))];

const verified = ({ status, stage }: MigrationView) => status === 'waiting' && stage === 'verified';

test('rows move with their files, each content once', { timeout: limit }, async () => {
  const { status } = await engine.call('POST', '/v1/migrations/paperwork-files', { id: 'to-s3' });
  expect(status).toBe(202);
  const view = await engine.waitFor('to-s3', 'verified', verified, 120_000);
  expect(view.progress).toMatchObject({ migrated: texts.length + 3, rejected: 0 });
  expect(view.verification).toMatchObject({ status: 'clean' });
  const keys = await server.keys(settings.prefix);
  expect(keys.filter((key) => key !== marker()).map((key) => key.slice(-64))).toEqual(contents.toSorted());
  const store = createS3Store(settings);
  for (const sha256 of contents) expect(await store.check(sha256)).toBeNull();
});

test('the paperwork cube sends whole contents and ranges out of the bucket', { timeout: limit }, async () => {
  const cube = await startPaperworkCubeHere({
    legacyUrl: tree.databases.legacyUrl,
    cubeUrl: tree.databases.cubeUrl,
    serviceUrl: 'http://127.0.0.1:1',
    folder: tree.folder,
    store: createS3Store(settings),
    limits: uploadLimitsOf(64),
  });
  try {
    const get = async (id: number, range?: string) => {
      const headers = { 'x-cube-token': paperworkToken(), ...(range === undefined ? {} : { range }) };
      return Buffer.from(await (await fetch(`${cube.url}/files/${id}/content`, { headers })).arrayBuffer());
    };
    expect((await get(101)).equals(large)).toBe(true);
    expect((await get(101, 'bytes=20000000-29999999')).equals(large.subarray(20_000_000, 30_000_000))).toBe(true);
    expect((await get(1)).toString()).toBe(texts[0]);
    expect(await get(100)).toHaveLength(0);
    const metrics = await (await fetch(`${cube.url}/metrics`)).text();
    expect(metrics).toMatch(/^paperwork_cube_content_bytes_total\{from="store".*\} [1-9]/m);
    expect(metrics).not.toMatch(/^paperwork_cube_contents_missed_total(\{.*\})? [1-9]/m);
  } finally {
    await cube.close();
  }
});

test('an object that was damaged or deleted behind the store is found by a verification, and mended', {
  timeout: limit,
}, async () => {
  const objects = server.objects();
  const damaged = Buffer.from(large);
  damaged.writeUInt8(damaged.readUInt8(20 * mebibyte) ^ 1, 20 * mebibyte);
  await objects.put(addressOf(large), damaged);
  await objects.put(addressOf('content 7'), Buffer.from('content 8'));
  await objects.delete(addressOf('content 9'));
  await engine.steer('to-s3', 'verify');
  const blocked = await engine.waitFor('to-s3', 'blocked', ({ status }) => status === 'blocked', 120_000);
  // Two rows have each of the small ones.
  expect(blocked.verification.mismatches.map(({ id }) => id).toSorted()).toEqual(['10', '101', '58', '60', '8']);
  await engine.steer('to-s3', 'repair');
  expect((await engine.waitFor('to-s3', 'verified', verified, 120_000)).verification).toMatchObject({
    status: 'clean',
  });
  const store = createS3Store(settings);
  for (const sha256 of contents) expect(await store.check(sha256)).toBeNull();
});

test('a sweep looks at the bucket, and a rollback leaves it empty', { timeout: limit }, async () => {
  const swept = await engine.call('POST', '/v1/blobs/sweep', { dry_run: true });
  expect([swept.status, swept.body]).toEqual([200, expect.objectContaining({ contents: 0, temporary_files: 0 })]);
  await engine.steer('to-s3', 'rollback');
  await engine.waitFor('to-s3', 'rolled back', ({ status }) => status === 'rolled_back', 120_000);
  expect(await server.keys(settings.prefix)).toEqual([marker()]);
  expect(await tree.databases.cube.query('select from storage.blobs')).toMatchObject({ rowCount: 0 });
});
