import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { releasesFolder, versionsOf } from '../../domain/releases.js';

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
