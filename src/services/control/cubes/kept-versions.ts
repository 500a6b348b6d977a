import { warmVersion } from '../../../domain/deployment/desired-cubes.js';
import { readDesired } from '../../../state/desired-cubes.js';
import { hasReleasesOf, readVersionsOf } from '../../../state/releases.js';

/**
 * The versions of a cube that are kept in the state folder; undefined where that cannot be said, as by a control API that
 * does not share the folder with the supervisor of cubes.
 */
export type KeptVersions = (cubeId: string) => Promise<readonly string[] | undefined>;

export function createKeptVersions(stateFolder: string): KeptVersions {
  return (cubeId) => readVersionsOf(stateFolder, cubeId);
}

/** The version that a cube goes back to when none is named; null where none is warm, undefined where that cannot be said. */
export type WarmVersionOf = (cubeId: string) => Promise<string | null | undefined>;

export function createWarmVersionOf(stateFolder: string): WarmVersionOf {
  return async (cubeId) => {
    // Without the folder another program knows what runs.
    if (!(await hasReleasesOf(stateFolder, cubeId))) return undefined;
    try {
      const cube = (await readDesired(stateFolder)).cubes[cubeId];
      return cube === undefined ? null : (warmVersion(cube) ?? null);
    } catch {
      return undefined;
    }
  };
}
