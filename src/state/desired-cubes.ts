import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DesiredCubes, newestState, stateFile } from '../domain/deployment/desired-cubes.js';
import { pathOf } from './files.js';
import { readJson } from './text-files.js';

/** What should run of each cube: numbered files, of which the newest counts. */

/** How many states are kept: what was wanted before can be read. */
const kept = 100;

/** What should run. A reader never meets half a file. */
export async function readDesired(stateFolder: string): Promise<{ number: number; cubes: DesiredCubes }> {
  const folder = pathOf(stateFolder, 'desiredCubes');
  for (;;) {
    const number = newestState(await namesIn(folder));
    if (number === 0) return { number, cubes: {} };
    const content = await readJson(join(folder, stateFile(number)));
    // Cleared away between the two reads: there are newer ones.
    if (content !== undefined) return { number, cubes: content as DesiredCubes };
  }
}

/**
 * Changes what should run. Of two that change it at the same time the second reads what the first left and changes
 * that: a hard link is made by one process only. `change` may throw; then nothing is changed.
 */
export async function changeDesired(
  stateFolder: string,
  change: (cubes: DesiredCubes) => DesiredCubes,
): Promise<DesiredCubes> {
  const folder = pathOf(stateFolder, 'desiredCubes');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (;;) {
    const { number, cubes } = await readDesired(stateFolder);
    const next = change(cubes);
    if (JSON.stringify(next) === JSON.stringify(cubes)) return cubes;
    const file = join(folder, stateFile(number + 1));
    if (!(await putNew(file, next))) continue;
    // One that slept while a hundred others were made, and the place of its own was cleared, made an old state.
    const names = await namesIn(folder);
    if (newestState(names) !== number + 1) {
      await rm(file, { force: true });
      continue;
    }
    await Promise.all(
      names.filter((name) => isOld(name, number + 1)).map((name) => rm(join(folder, name), { force: true })),
    );
    return next;
  }
}

/** Puts a file there, whole and on disk, unless there is one. Readable by its owner only. */
async function putNew(file: string, content: unknown): Promise<boolean> {
  const scratch = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(scratch, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(scratch, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(scratch, { force: true });
  }
}

function isOld(name: string, newest: number): boolean {
  const number = newestState([name]);
  return number > 0 && number <= newest - kept;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
}
