import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import type { Sha256 } from '../../src/storage/blob-store.js';
import type { S3Settings } from '../../src/storage/s3/settings.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import { FaultyS3 } from '../support/faulty-s3.js';
import { S3Server } from '../support/s3-server.js';

/** Programs that use a store at an S3 server are killed in front of each of their requests, and what the bucket has then is looked at. */
const limit = 300_000;
const victim = join(packageRoot(), 'test', 'support', 's3-victim.mjs');
const sumOf = (content: string | Buffer): Sha256 => createHash('sha256').update(content).digest('hex');
const stored = ['one', 'two'];
const large = sumOf(Buffer.concat(Array.from({ length: 12 }, () => Buffer.alloc(1024 * 1024, 'paperwork '))));

let server: S3Server;
let folder: string;
beforeAll(async () => {
  server = await S3Server.start();
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-s3-kills-'));
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A store of one program. */
interface Place {
  readonly settings: S3Settings;
  readonly parts: string;
}

function newPlace(): Place {
  return { settings: server.settings(), parts: join(folder, randomUUID()) };
}

/** Runs the program to its end, or until it is killed in front of a request; returns how many it made. */
async function run({ settings, parts }: Place, scenario: string, killAt: number): Promise<number> {
  const way = await FaultyS3.before(server.endpoint);
  let child: ChildProcess | undefined;
  let count = 0;
  way.onRequest = () => {
    count += 1;
    if (count === killAt) child?.kill('SIGKILL');
    return killAt === 0 || count < killAt;
  };
  try {
    child = spawn(process.execPath, [victim, scenario, ...stored.map(sumOf)], {
      env: {
        PATH: process.env.PATH,
        S3_SETTINGS: JSON.stringify({ ...settings, endpoint: way.endpoint }),
        PARTS: parts,
        // None of these counts.
        AWS_ACCESS_KEY_ID: 'strangers-key',
        AWS_SECRET_ACCESS_KEY: 'strangers-secret',
        AWS_REGION: 'eu-west-1',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [said, [code, signal]] = await Promise.all([text(child.stderr ?? expect.fail()), once(child, 'exit')]);
    expect([code, signal, killAt === 0 ? said : '']).toEqual(killAt === 0 ? [0, null, ''] : [null, 'SIGKILL', '']);
    return count;
  } finally {
    await way.close();
  }
}

async function prepared(contents: readonly string[] = []): Promise<Place> {
  const place = newPlace();
  const store = createS3Store(place.settings);
  for (const content of contents) {
    const chunks = (async function* () {
      yield Buffer.from(content);
    })();
    await (await store.stage(chunks, 'before')).keep();
  }
  return place;
}

/** Three programs at a time. */
async function eachKill(
  scenario: string,
  prepare: () => Promise<Place>,
  check: (place: Place) => Promise<void>,
): Promise<void> {
  const requests = await run(await prepare(), scenario, 0);
  const kills = Array.from({ length: requests }, (_, index) => index + 1);
  expect(kills.length).toBeGreaterThan(5);
  await Promise.all(
    [0, 1, 2].map(async (lane) => {
      for (const killAt of kills.filter((one) => one % 3 === lane)) {
        const place = await prepare();
        await run(place, scenario, killAt);
        await check(place);
      }
    }),
  );
}

const keysOf = async ({ settings }: Place) =>
  (await server.keys(settings.prefix)).map((key) => key.slice(settings.prefix.length + 1));
const isAddress = (key: string) => /^[0-9a-f]{2}\/[0-9a-f]{64}$/.test(key);

/** Each address has the whole content, and nothing else is left once the owner's are discarded and old uploads aborted. */
async function expectWhole(place: Place): Promise<void> {
  const store = createS3Store(place.settings);
  for (const key of (await keysOf(place)).filter(isAddress)) expect(await store.check(key.slice(3))).toBeNull();
  await store.discardOf('work');
  for await (const one of store.temporary()) {
    expect(one.isOf('work')).toBe(false);
    await one.discard();
  }
  expect((await keysOf(place)).filter((key) => !isAddress(key) && key !== '.cubeshift-store')).toEqual([]);
}

test.each(['batch', 'large'])(
  'of storing (%s), an address has nothing or all, and nothing else is left',
  {
    timeout: limit,
  },
  async (scenario) => {
    await eachKill(scenario, prepared, expectWhole);
  },
);

test('of receiving in parts, the next attempt ends with the whole content', { timeout: limit }, async () => {
  await eachKill('parts', prepared, async (place) => {
    await createS3Store(place.settings).discardOf('work');
    await run(place, 'parts', 0);
    expect((await keysOf(place)).toSorted()).toEqual(['.cubeshift-store', `${large.slice(0, 2)}/${large}`].toSorted());
    expect(await createS3Store(place.settings).check(large)).toBeNull();
    expect(existsSync(place.parts)).toBe(false);
  });
});

test.each(['put back', 'remove'])(
  'of withdrawing (%s), a content is whole or gone',
  { timeout: limit },
  async (scenario) => {
    await eachKill(
      scenario,
      () => prepared(stored),
      async (place) => {
        const store = createS3Store(place.settings);
        const sums = (await keysOf(place)).map((key) => /[0-9a-f]{64}/.exec(key)?.[0]);
        // Put back, it is as it was before the program began, unless it had gone for good.
        if (scenario === 'put back') expect(new Set(sums.filter(Boolean))).toEqual(new Set(stored.map(sumOf)));
        await store.putBackOf('work');
        await expectWhole(place);
        if (scenario === 'put back') for (const content of stored) expect(await store.check(sumOf(content))).toBeNull();
      },
    );
  },
);
