import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package-root.js';
import { type FileSet, makeLargeFile, makeSmallFiles } from './source.js';
import type { StoreRun } from './store-run.js';

const run = promisify(execFile);

export interface FileFigures {
  readonly rounds: number;
  readonly sets: readonly SetFigures[];
  readonly minutes: number;
}

/** Seconds a round; `rclone` is empty where it is not installed. */
export interface SetFigures {
  readonly set: FileSet;
  readonly store: readonly StoreRun[];
  readonly cp: readonly number[];
  readonly rclone: readonly RcloneRun[];
}

export interface RcloneRun {
  readonly seconds: number;
  /** Until what it wrote is durable too, as the store's contents and those of `cp` are. */
  readonly durableSeconds: number;
}

/** The version of rclone, or undefined where it is not installed. */
export function rcloneVersion(): string | undefined {
  const { status, stdout } = spawnSync('rclone', ['version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

/** Copies both sets with reading back, each contender once a round; who begins turns from round to round. */
export async function measureFiles(rounds: number, log: (text: string) => void): Promise<FileFigures> {
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-'));
  try {
    const sets = [makeSmallFiles(join(folder, 'small')), makeLargeFile(join(folder, 'large'))];
    const figures = sets.map((set) => ({
      set,
      store: [] as StoreRun[],
      cp: [] as number[],
      rclone: [] as RcloneRun[],
    }));
    const hasRclone = rcloneVersion() !== undefined;
    for (let round = 0; round < rounds; round++) {
      log(`round ${round + 1} of ${rounds}`);
      for (const { set, store, cp, rclone } of figures) {
        const contenders = [
          async (target: string) => void store.push(await runStoreProcess(set, target)),
          async (target: string) => void cp.push(await runCp(set, target)),
          ...(hasRclone ? [async (target: string) => void rclone.push(await runRclone(set, target))] : []),
        ];
        for (let place = 0; place < contenders.length; place++) {
          const target = join(folder, 'target');
          await run('sync', []);
          await contenders[(place + round) % contenders.length]?.(target);
          rmSync(target, { recursive: true });
        }
      }
    }
    return { rounds, sets: figures, minutes: (performance.now() - began) / 60_000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runStoreProcess(set: FileSet, target: string): Promise<StoreRun> {
  const { stdout } = await run(
    process.execPath,
    ['--max-semi-space-size=8', join(packageRoot(), 'dist', 'bench', 'main.js'), 'files-store', set.folder, target],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  const measured: StoreRun = JSON.parse(stdout);
  expectEqual(set, measured.sums, 'the store');
  return measured;
}

/** Durable like the store, by one synchronisation of the file system it writes to. */
async function runCp(set: FileSet, target: string): Promise<number> {
  const began = performance.now();
  await run('cp', ['-r', set.folder, target]);
  await run('sync', ['-f', target]);
  const sums = await sumsOf(target);
  const seconds = (performance.now() - began) / 1000;
  expectEqual(set, sums, 'cp');
  return seconds;
}

/** It leaves what it writes to the system: durable it is after a synchronisation, which is timed apart. */
async function runRclone(set: FileSet, target: string): Promise<RcloneRun> {
  const config = ['--config', '/dev/null', '--log-level', 'ERROR'];
  const began = performance.now();
  await run('rclone', ['copy', set.folder, target, ...config]);
  await run('rclone', ['check', '--download', set.folder, target, ...config]);
  const seconds = (performance.now() - began) / 1000;
  await run('sync', ['-f', target]);
  const durableSeconds = (performance.now() - began) / 1000;
  expectEqual(set, await sumsOf(target), 'rclone');
  return { seconds, durableSeconds };
}

async function sumsOf(folder: string): Promise<readonly string[]> {
  const command = 'find "$0" -type f -print0 | xargs -0 sha256sum';
  const { stdout } = await run('sh', ['-c', command, folder], { maxBuffer: 16 * 1024 * 1024 });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.slice(0, 64))
    .sort();
}

function expectEqual(set: FileSet, sums: readonly string[], contender: string): void {
  if (sums.length !== set.files || sums.some((sum, index) => sum !== set.sums[index]))
    throw new Error(`${contender} left something else than the source of ${set.name}`);
}
