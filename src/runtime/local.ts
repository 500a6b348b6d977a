import type { ChangeReference } from '../domain/deployment/change-reference.js';
import {
  checkHeld,
  claimCube,
  type DesiredCube,
  type DesiredVersion,
  firstDesired,
  releaseCube,
  withActive,
  withVersion,
  withWanted,
} from '../domain/deployment/desired-cubes.js';
import { isVersion, noSuchRelease } from '../domain/deployment/releases.js';
import { changeDesired, readDesired } from '../state/desired-cubes.js';
import { readObserved } from '../state/observed-cubes.js';
import { readReleaseOf, readVersionsOf } from '../state/releases.js';
import type { CubeRuntime } from './runtime.js';

/**
 * Cubes as processes of this machine. The state folder holds what should run; the supervisor of the stack in the same
 * folder starts and ends the processes, and writes there what it sees. `packagedVersion` is what runs of a cube that was
 * never deployed.
 */
export function createLocalRuntime(stateFolder: string, packagedVersion: string): CubeRuntime {
  const change = async (cubeId: string, next: (cube: DesiredCube) => DesiredCube) => {
    const cubes = await changeDesired(stateFolder, (all) => ({
      ...all,
      [cubeId]: next(all[cubeId] ?? firstDesired(packagedVersion)),
    }));
    return cubes[cubeId] ?? firstDesired(packagedVersion);
  };
  const changeHeld = async ({ cubeId, holderId }: ChangeReference, next: (cube: DesiredCube) => DesiredCube) => {
    await change(cubeId, (cube) => {
      checkHeld(cube, holderId);
      return next(cube);
    });
  };
  const changeVersion = (by: ChangeReference, version: string, wanted: Partial<DesiredVersion>) =>
    changeHeld(by, (cube) => withVersion(cube, version, wanted));
  return {
    claim: ({ cubeId, holderId: id }, kind) => change(cubeId, (cube) => claimCube(cube, { id, kind })),
    release: async ({ cubeId, holderId }) => {
      await change(cubeId, (cube) => releaseCube(cube, holderId));
    },
    checkReleased: (cubeId, version) => checkRelease(stateFolder, cubeId, version),
    deploy: async (by, version, instances) => {
      await checkRelease(stateFolder, by.cubeId, version);
      await changeVersion(by, version, { instances, state: 'running' });
    },
    drain: (by, version) => changeVersion(by, version, { state: 'drained' }),
    restart: (by, version, generation) => changeVersion(by, version, { generation, state: 'running' }),
    scale: (by, version, instances) => changeVersion(by, version, { instances }),
    activate: (by, version) => changeHeld(by, (cube) => withActive(cube, version)),
    restore: (by, before) => changeHeld(by, (cube) => withWanted(cube, before)),
    list: async (cubeId) => {
      const { cubes } = await readDesired(stateFolder);
      const cube = cubes[cubeId] ?? firstDesired(packagedVersion);
      const { observed, supervised } = await readObserved(stateFolder);
      return {
        active: cube.active,
        previous: cube.previous,
        holder: cube.holder,
        supervised,
        versions: Object.entries(cube.versions).map(([version, wanted]) => ({
          version,
          ...wanted,
          observed: observed.filter((one) => one.cubeId === cubeId && one.version === version),
        })),
      };
    },
  };
}

/** Throws `not_found` when the version was never released, with those that are kept. */
async function checkRelease(stateFolder: string, cubeId: string, version: string): Promise<void> {
  const release = isVersion(version) ? await readReleaseOf(stateFolder, cubeId, version) : undefined;
  if (release !== undefined) return;
  throw noSuchRelease(cubeId, version, (await readVersionsOf(stateFolder, cubeId)) ?? []);
}
