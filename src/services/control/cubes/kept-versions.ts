import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { warmVersion } from '../../../domain/deployment/desired-cubes.js';
import { releasesFolder, versionsOf } from '../../../domain/deployment/releases.js';
import { readDesired } from '../../../state/state-files.js';

/**
 * The versions of a cube that are kept in the state folder; undefined where that cannot be said, as by a control API that
 * does not share the folder with the supervisor of cubes.
 */
export type KeptVersions = (cubeId: string) => Promise<readonly string[] | undefined>;

export function createKeptVersions(stateFolder: string): KeptVersions {
  const folder = join(stateFolder, releasesFolder);
  return async (cubeId) => {
    try {
      const cubes = await readdir(folder);
      return cubes.includes(cubeId) ? versionsOf(await readdir(join(folder, cubeId))) : [];
    } catch {
      return undefined;
    }
  };
}

/** The version that a cube goes back to when none is named; null where none is warm, undefined where that cannot be said. */
export type WarmVersionOf = (cubeId: string) => Promise<string | null | undefined>;

export function createWarmVersionOf(stateFolder: string): WarmVersionOf {
  return async (cubeId) => {
    try {
      // Without the folder it is somebody else who knows what runs.
      await readdir(join(stateFolder, releasesFolder, cubeId));
      const cube = (await readDesired(stateFolder)).cubes[cubeId];
      return cube === undefined ? null : (warmVersion(cube) ?? null);
    } catch {
      return undefined;
    }
  };
}
