import { createHash, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Failure } from '../../src/base/failures.js';
import { type BlobStore, type Sha256, verified } from '../../src/storage/blob-store.js';
import { Bucket } from '../../src/storage/s3/bucket.js';
import { Copies } from '../../src/storage/s3/copies.js';
import { S3Requests } from '../../src/storage/s3/requests.js';
import type { S3Settings } from '../../src/storage/s3/settings.js';
import { createS3Store, type S3StoreOptions } from '../../src/storage/s3-store.js';
import { FaultyS3 } from '../support/faulty-s3.js';
import { S3Server } from '../support/s3-server.js';

/** What a store makes of a server, a network and a clock with faults. */
const mebibyte = 1024 * 1024;
const partBytes = 5 * mebibyte;
let server: S3Server;
let way: FaultyS3;
let settings: S3Settings;
let store: BlobStore;

beforeAll(async () => {
  server = await S3Server.start();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  way = await FaultyS3.before(server.endpoint);
  settings = { ...server.settings(), endpoint: way.endpoint };
  store = storeWith({});
});
afterEach(() => way.close());

function storeWith(options: S3StoreOptions, wrong: Partial<S3Settings> = {}): BlobStore {
  return createS3Store({ ...settings, ...wrong }, { partBytes, pauseMillis: 5, silenceMillis: 500, ...options });
}

const sumOf = (content: string | Buffer): Sha256 => createHash('sha256').update(content).digest('hex');

async function* pieces(content: string | Buffer): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += mebibyte) yield bytes.subarray(at, at + mebibyte);
}

async function put(content: string | Buffer, to = store): Promise<Sha256> {
  const blob = await to.stage(pieces(content), 'test');
  await blob.keep();
  return blob.sha256;
}

async function read(sha256: Sha256, from = store): Promise<Buffer> {
  const found: Buffer[] = [];
  for await (const chunk of verified(from, sha256)) found.push(chunk);
  return Buffer.concat(found);
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => 'no failure',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw new Error(`no failure: ${inspect(error)}`);
  const everything = inspect(error, { depth: 20, showHidden: true });
  for (const secret of [settings.secretKey, settings.accessKey, 'wrong-', 'Signature=', 'AWS4-HMAC'])
    expect(everything).not.toContain(secret);
  expect(error.cause).toBeUndefined();
  return error;
}

test.each([
  [{ secretKey: 'wrong-secret' }, 'says that CUBE_STORAGE_SECRET_KEY is not the secret of CUBE_STORAGE_ACCESS_KEY'],
  [{ accessKey: 'wrong-key' }, 'does not know CUBE_STORAGE_ACCESS_KEY'],
  [{ bucket: 'missing-bucket' }, 'has no bucket missing-bucket'],
] as const)('%j is said by each thing that a store does, and can be tried again', async (wrong, sentence) => {
  const sha256 = await put('a model');
  const there = storeWith({}, wrong);
  const acts: readonly (() => Promise<unknown>)[] = [
    () => put('another', there),
    () => read(sha256, there),
    () => there.has(sha256),
    () => there.check(sha256),
    () => there.withdraw(sha256, 'test'),
    () => there.discardOf('test'),
    () => there.owners(),
    () => there.list()[Symbol.asyncIterator]().next(),
  ];
  for (const act of acts) {
    const failure = await failureOf(act());
    expect(failure.message).toContain(sentence);
    expect([failure.type, failure.retryable]).toEqual(['storage_unreachable', true]);
  }
});

test('a server that is busy for a while is asked again, and one that stays so fails the step', async () => {
  way.answers = { status: 503, code: 'SlowDown', times: 3 };
  const sha256 = await put('a model');
  way.answers = { status: 503, code: 'SlowDown', times: 3 };
  expect((await read(sha256)).toString()).toBe('a model');
  way.answers = { status: 503, code: 'SlowDown', times: 1000 };
  const asked = way.requests.length;
  const failure = await failureOf(read(sha256));
  expect([failure.type, way.requests.length - asked]).toEqual(['storage_unreachable', 5]);
  expect(failure.message).toContain('does not carry out requests at present (503 SlowDown)');
  way.answers = undefined;
  expect((await read(sha256)).toString()).toBe('a model');
});

test('a full server is a full disk, and is not asked again at once', async () => {
  await put('a model');
  way.answers = { status: 507, code: 'XMinioStorageFull', times: 1 };
  const failure = await failureOf(put('another'));
  expect([failure.type, way.answers.times]).toEqual(['disk_full', 0]);
});

test('a server that is away, and one that says nothing, fail within a bounded time', async () => {
  const sha256 = await put('a model');
  way.isSilent = true;
  const began = performance.now();
  expect((await failureOf(read(sha256))).message).toContain('cannot be reached, or its connection broke (UND_ERR_');
  expect((await failureOf(store.has(sha256))).type).toBe('storage_unreachable');
  expect(performance.now() - began).toBeLessThan(15_000);
  const nowhere = storeWith({}, { endpoint: 'http://127.0.0.1:1' });
  expect((await failureOf(read(sha256, nowhere))).message).toContain('(ECONNREFUSED)');
});

test('a slow connection carries a content that takes longer than a silence may', async () => {
  const content = randomBytes(3 * mebibyte);
  const sha256 = await put(content);
  way.bytesPerMillisecond = 2048;
  const began = performance.now();
  expect((await read(sha256)).equals(content)).toBe(true);
  expect(performance.now() - began).toBeGreaterThan(1000);
});

test('a reading that is cut off goes on where it was, as long as the object is the same', async () => {
  const content = randomBytes(12 * mebibyte);
  const sha256 = await put(content);
  way.cutAnswers = { bytes: 3 * mebibyte, times: 3 };
  expect((await read(sha256)).equals(content)).toBe(true);
  expect(way.cutAnswers.times).toBe(0);
  way.cutAnswers = { bytes: 3 * mebibyte, times: 1 };
  const found: Buffer[] = [];
  for await (const chunk of await store.open(sha256, { start: mebibyte, end: 9 * mebibyte })) found.push(chunk);
  expect(Buffer.concat(found).equals(content.subarray(mebibyte, 9 * mebibyte + 1))).toBe(true);
  way.cutAnswers = { bytes: 3 * mebibyte, times: 1 };
  const reading = (async () => {
    for await (const _ of await store.open(sha256))
      await server.objects().put(`${settings.prefix}/${sha256.slice(0, 2)}/${sha256}`, Buffer.alloc(9 * mebibyte));
  })();
  expect((await failureOf(reading)).type).toBe('storage_unreachable');
});

test('what is cut off while it is sent is sent again, and is whole', async () => {
  for (const content of [randomBytes(7 * mebibyte), randomBytes(12 * mebibyte)]) {
    await put('begun');
    way.cutRequests = { bytes: 2 * mebibyte, times: 2 };
    expect((await read(await put(content))).equals(content)).toBe(true);
    expect(way.cutRequests.times).toBe(0);
  }
  expect(await store.owners()).toEqual([]);
});

test('a list, and a word of the server, that are cut off are asked for again', async () => {
  const sums = [];
  for (let index = 0; index < 20; index++) sums.push(await put(`content ${index}`));
  const blob = await store.stage(pieces(randomBytes(12 * mebibyte)), 'test');
  const cut = (bytes: number, mark: string) => {
    way.onRequest = (line) => {
      if (line.includes(mark)) way.cutAnswers ??= { bytes, times: 1 };
      return true;
    };
  };
  cut(1500, 'list-type=2');
  const listed: Sha256[] = [];
  for await (const { sha256 } of store.list()) listed.push(sha256);
  expect([listed, way.cutAnswers?.times]).toEqual([sums.toSorted(), 0]);
  way.cutAnswers = undefined;
  cut(200, 'partNumber=2');
  await blob.keep();
  expect([await store.check(blob.sha256), way.cutAnswers]).toEqual([null, { bytes: 200, times: 0 }]);
  way.cutAnswers = undefined;
  cut(1500, 'list-type=2');
  const impatient = storeWith({ attempts: 1 });
  expect((await failureOf(impatient.list()[Symbol.asyncIterator]().next())).type).toBe('storage_unreachable');
});

test('a content whose arrival was not confirmed is found at its address', async () => {
  await put('begun');
  way.cutAnswers = { bytes: 0, times: 1 };
  expect((await read(await put('a model'))).toString()).toBe('a model');
});

test.each([-1, 1])('a clock that is off by %i hours is corrected by the server’s', async (hours) => {
  const off = storeWith({ clock: () => new Date(Date.now() + hours * 3_600_000) });
  const sha256 = await put('a model', off);
  expect((await read(sha256, off)).toString()).toBe('a model');
  expect(await off.has(sha256)).toBe(true);
  const refused = storeWith({ clock: () => new Date(Date.now() + hours * 3_600_000), attempts: 1 });
  const failure = await failureOf(read(sha256, refused));
  expect([failure.type, failure.message]).toEqual([
    'storage_unreachable',
    expect.stringContaining('The clock of this machine'),
  ]);
});

test('a copy that fails after it was begun is a failure, though it is answered as a success', async () => {
  const content = randomBytes(12 * mebibyte);
  const blob = await store.stage(pieces(content), 'test');
  way.onRequest = (line) => {
    if (line.includes('partNumber=2')) way.answers = { status: 200, code: 'InternalError', times: 1 };
    return true;
  };
  expect((await failureOf(blob.keep())).type).toBe('storage_unreachable');
  expect(await store.has(blob.sha256)).toBe(false);
  way.onRequest = () => true;
  await blob.keep();
  expect((await read(blob.sha256)).equals(content)).toBe(true);
});

test('what lies at an address is replaced if it is not the content, and left alone if it is', async () => {
  const sha256 = await put('a model');
  const key = `${settings.prefix}/${sha256.slice(0, 2)}/${sha256}`;
  await server.objects().put(key, Buffer.from('a mobel'));
  expect([await store.has(sha256), await store.check(sha256)]).toEqual([true, 'damaged']);
  await put('a model');
  expect(await store.check(sha256)).toBeNull();
  const puts = () => way.requests.filter((line) => line.startsWith('PUT ')).length;
  const before = puts();
  await put('a model');
  expect(puts() - before).toBe(1);
});

test('an empty bucket in place of a full one is not taken for a store that lost its contents', async () => {
  const sha256 = await put('a model');
  for (const key of await server.keys(settings.prefix)) await server.objects().delete(key);
  for (const act of [() => put('another'), () => store.has(sha256), () => store.check(sha256), () => read(sha256)])
    expect((await failureOf(act())).message).toContain('Nothing was ever stored in CUBE_STORAGE_URL');
  const another = storeWith({});
  expect((await failureOf(another.has(sha256))).type).toBe('storage_unreachable');
  await put('another', another);
  expect([await store.has(sha256), await store.check(sha256)]).toEqual([false, 'missing']);
});

test('the list has what lies at an address alone, over many pages and behind any of them', async () => {
  const objects = server.objects();
  const sums = Array.from({ length: 1100 }, (_, index) => sumOf(`content ${index}`)).sort();
  const addressOf = (sha256: Sha256) => `${settings.prefix}/${sha256.slice(0, 2)}/${sha256}`;
  for (let from = 0; from < sums.length; from += 50)
    await Promise.all(sums.slice(from, from + 50).map((sha256) => objects.put(addressOf(sha256), Buffer.from('a'))));
  await put(randomBytes(1));
  await objects.put(`${settings.prefix}/00/stranger`, Buffer.from('a'));
  await objects.put(`${settings.prefix}/zz`, Buffer.from('a'));
  await store.stage(pieces(randomBytes(9 * mebibyte)), 'test');
  const listed = async (after?: Sha256) => {
    const found: Sha256[] = [];
    for await (const { sha256 } of store.list(after)) found.push(sha256);
    return found.filter((sha256) => sums.includes(sha256));
  };
  expect(await listed()).toEqual(sums);
  for (const place of [0, 1, 999, 1098]) expect(await listed(sums[place])).toEqual(sums.slice(place + 1));
});

test('what is temporary has an age and an owner, and an upload that was not ended is among it', async () => {
  await store.stage(pieces(randomBytes(12 * mebibyte)), 'a');
  await put('a model');
  await store.withdraw(sumOf('a model'), 'a~b');
  const blob = await store.stage(pieces(randomBytes(12 * mebibyte)), 'c');
  // A program that dies while the server joins.
  way.onRequest = (line) => !line.includes('uploadId=');
  await failureOf(blob.keep());
  way.onRequest = () => true;
  // Of another program, below the same prefix.
  const requests = new S3Requests(settings, {
    clock: () => new Date(),
    silenceMillis: 10_000,
    attempts: 1,
    pauseMillis: 0,
  });
  const strangers = new Copies(requests, new Bucket(requests));
  await requests.ask({ method: 'POST', key: `${settings.prefix}/stranger/upload`, query: { uploads: '' } });
  const owners: string[] = [];
  for await (const one of store.temporary()) {
    owners.push(['a', 'a~b', 'c'].find((owner) => one.isOf(owner)) ?? 'nobody');
    expect(Math.abs(Date.now() - one.changedAt.getTime())).toBeLessThan(60_000);
    await one.discard();
  }
  expect(owners.toSorted()).toEqual(['a', 'a~b', 'c', 'nobody']);
  for await (const _ of store.temporary()) expect.fail('something is left');
  const left: string[] = [];
  for await (const upload of strangers.uploads(`${settings.prefix}/`)) {
    left.push(upload.key);
    await strangers.abort(upload);
  }
  expect(left).toEqual([`${settings.prefix}/stranger/upload`]);
  await requests.close();
});
