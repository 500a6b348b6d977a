import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package-root.js';
import type { S3Settings } from '../../src/storage/s3/settings.js';
import { S3Server } from '../../test/support/s3-server.js';
import { type FileSet, makeLargeFile, makeSmallFiles } from '../files/source.js';
import type { StoreRun } from '../files/store-run.js';

const run = promisify(execFile);
const bufferBytes = 16 * 1024 * 1024;

export interface S3Figures {
  readonly rounds: number;
  readonly sets: readonly S3SetFigures[];
  readonly minutes: number;
}

export interface S3SetFigures {
  readonly set: FileSet;
  readonly store: readonly StoreRun[];
  /** Seconds. */
  readonly rclone: readonly number[];
}

/** Copies both sets to one S3 server with reading back, each contender once a round; who begins turns from round to round. */
export async function measureS3(rounds: number, log: (text: string) => void): Promise<S3Figures> {
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-'));
  const server = await S3Server.start();
  try {
    const sets = [makeSmallFiles(join(folder, 'small')), makeLargeFile(join(folder, 'large'))];
    const figures = sets.map((set) => ({ set, store: [] as StoreRun[], rclone: [] as number[] }));
    // The server's first volumes are made by its first files.
    for (const set of sets) await clear(server, await runRclone(server, set));
    for (let round = 0; round < rounds; round++) {
      log(`round ${round + 1} of ${rounds}`);
      for (const { set, store, rclone } of figures) {
        const contenders = [
          async () => {
            const { settings, measured } = await runStoreProcess(server, set);
            store.push(measured);
            return { settings };
          },
          async () => {
            const measured = await runRclone(server, set);
            rclone.push(measured.seconds);
            return measured;
          },
        ];
        for (let place = 0; place < contenders.length; place++) {
          await run('sync', []);
          const done = await contenders[(place + round) % contenders.length]?.();
          if (done === undefined) continue;
          await expectEqual(server, set, done.settings);
          await clear(server, done);
        }
      }
    }
    return { rounds, sets: figures, minutes: (performance.now() - began) / 60_000 };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runStoreProcess(server: S3Server, set: FileSet): Promise<{ settings: S3Settings; measured: StoreRun }> {
  const settings = server.settings();
  const { stdout } = await run(
    process.execPath,
    ['--max-semi-space-size=8', join(packageRoot(), 'dist', 'bench', 'main.js'), 's3-store', set.folder],
    { maxBuffer: bufferBytes, env: { PATH: process.env.PATH, ...server.environment(settings) } },
  );
  return { settings, measured: JSON.parse(stdout) };
}

/** As many at a time as the store, in parts of the same size. */
async function runRclone(server: S3Server, set: FileSet): Promise<{ settings: S3Settings; seconds: number }> {
  const settings = server.settings();
  const env = {
    PATH: process.env.PATH,
    RCLONE_S3_PROVIDER: 'SeaweedFS',
    RCLONE_S3_ENDPOINT: settings.endpoint,
    RCLONE_S3_REGION: settings.region,
    RCLONE_S3_ACCESS_KEY_ID: settings.accessKey,
    RCLONE_S3_SECRET_ACCESS_KEY: settings.secretKey,
    RCLONE_S3_CHUNK_SIZE: '16M',
  };
  const target = `:s3:${settings.bucket}/${settings.prefix}`;
  const words = ['--config', '/dev/null', '--log-level', 'ERROR', '--checkers', '16'];
  const began = performance.now();
  await run('rclone', ['copy', set.folder, target, ...words, '--transfers', '16'], { env });
  await run('rclone', ['check', '--download', set.folder, target, ...words], { env });
  return { settings, seconds: (performance.now() - began) / 1000 };
}

/** Every object but the store's marker, read past both. */
async function expectEqual(server: S3Server, set: FileSet, { prefix }: S3Settings): Promise<void> {
  const objects = server.objects();
  const sums: string[] = [];
  for (const key of await server.keys(prefix)) {
    if (key.endsWith('/.cubeshift-store')) continue;
    const hash = createHash('sha256');
    for await (const chunk of (await objects.open(key))?.body ?? []) hash.update(chunk);
    sums.push(hash.digest('hex'));
  }
  if (sums.sort().join() !== set.sums.join()) throw new Error(`something else than the source of ${set.name} is there`);
}

async function clear(server: S3Server, { settings }: { readonly settings: S3Settings }): Promise<void> {
  const objects = server.objects();
  for (const key of await server.keys(settings.prefix)) await objects.delete(key);
}
