import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StepFence } from '../domain/step-fence.js';

/**
 * A kill switch that a rollback throws while Redis is away. The file names who threw it and at which fence; what a
 * person wrote there is theirs. A rollback's steps follow each other: two at a time are one frozen and one that came after.
 */
interface KillSwitchEntry {
  readonly by: string;
  /** Null where a person wrote the file. */
  readonly fence: number | null;
}

/** The names of the switches in a folder: what should be cubes, or `all`. Throws where the folder cannot be read. */
export async function readKillSwitches(folder: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(folder));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Set();
    throw error;
  }
}

/** Throws it; one of another run, or of a later fence of the same run, stays as it is. */
export async function setKillSwitch(file: string, by: string, fence: StepFence): Promise<void> {
  const text = `${by}#${fence.sequence}`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const there = await readEntry(file);
    if (there?.by !== by || (there.fence ?? 0) >= fence.sequence) return;
    // Renamed over it, so that there is one at every instant.
    const next = `${file}.${process.pid}.tmp`;
    await writeFile(next, text, { mode: 0o600 });
    await rename(next, file);
  }
}

/** Removes it if `mine` accepts the run that threw it. */
export async function clearKillSwitch(file: string, mine: (thrower: KillSwitchEntry) => boolean): Promise<void> {
  const there = await readEntry(file);
  if (there !== undefined && mine(there)) await rm(file, { force: true });
}

async function readEntry(file: string): Promise<KillSwitchEntry | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const [, by = text, fence = null] = /^(.*)#(\d{1,15})$/s.exec(text) ?? [];
  return { by, fence: fence === null ? null : Number(fence) };
}
