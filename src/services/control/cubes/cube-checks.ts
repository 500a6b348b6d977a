import { Failure } from '../../../base/failures.js';
import { findCube } from '../../../domain/cubes.js';
import { noSuchRelease } from '../../../domain/deployment/releases.js';
import type { ControlDependencies } from '../dependencies.js';

/** What can be said of a change of a cube before its plan starts. */

/** Throws `not_found` for a cube that there is not. */
export function checkKnownCube(cubeId: string): void {
  if (findCube(cubeId) === undefined)
    throw new Failure('not_found', `There is no cube ${cubeId}.`, { hint: 'See the cubes with `cubeshift status`.' });
}

/** Throws `not_found` for a version that is not kept. Where the state folder does not say, the plan finds out. */
export async function checkKept({ keptVersions }: ControlDependencies, cubeId: string, version: string): Promise<void> {
  const kept = await keptVersions(cubeId);
  if (kept !== undefined && !kept.includes(version)) throw noSuchRelease(cubeId, version, kept);
}

/** Throws `conflict` where no version is warm and none was named. Where the state folder does not say, the plan finds out. */
export async function checkWarm({ keptVersions, warmVersionOf }: ControlDependencies, cubeId: string): Promise<void> {
  if ((await warmVersionOf(cubeId)) !== null) return;
  const kept = (await keptVersions(cubeId)) ?? [];
  throw new Failure('conflict', `No earlier version of ${cubeId} is warm, and none was named.`, {
    hint: `Name one with \`cubeshift cubes rollback ${cubeId} VERSION --wait\`${kept.length === 0 ? '' : `; kept are ${kept.join(', ')}`}.`,
  });
}

/** The view of a change, or 404 where there was none. */
export function found<T>(view: T | undefined, what: string, cubeId: string): T {
  if (view === undefined)
    throw new Failure('not_found', `There was no ${what} of ${cubeId}.`, {
      hint: `Look at the cube with \`cubeshift status\`.`,
    });
  return view;
}
