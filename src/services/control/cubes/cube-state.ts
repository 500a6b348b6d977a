import type { CubeState } from '../../../api/deployments.js';
import { findCube } from '../../../domain/cubes.js';
import { readActiveVersion } from '../../../registry/instances.js';
import { readFlags } from '../../../traffic/flags.js';
import type { ControlDependencies } from '../dependencies.js';

/** Null where Redis does not answer. */
async function readCubeState({ redis }: ControlDependencies, cubeId: string): Promise<CubeState | null> {
  const name = findCube(cubeId)?.trafficName ?? null;
  try {
    const [active_version, flags] = await Promise.all([
      readActiveVersion(redis, cubeId),
      name === null ? null : readFlags(redis, name),
    ]);
    return { active_version, traffic: flags === null ? null : pick(flags) };
  } catch {
    return null;
  }
}

function pick({ enabled, percentage }: NonNullable<CubeState['traffic']>) {
  return { enabled, percentage };
}

interface EndedChange {
  readonly cube_id: string;
  readonly sentence: string;
}

/**
 * Adds the present state of the cube to the view of its change. `left` is the version that the change left with the traffic; null
 * while the change is under way. Where another has it by now, or the cube that was to serve is closed, the sentence says so.
 */
export async function withCubeState<T extends EndedChange>(
  deps: ControlDependencies,
  view: T,
  left: { readonly version: string; readonly serves: boolean } | null,
): Promise<T & { readonly now: CubeState | null }> {
  const now = await readCubeState(deps, view.cube_id);
  if (now === null || left === null) return { ...view, now };
  const { active_version: active, traffic } = now;
  const since = [
    ...(active === null || active === left.version ? [] : [` Since then ${active} has taken the traffic.`]),
    ...(left.serves && traffic?.enabled === false ? [' The cube is closed now.'] : []),
  ];
  return { ...view, sentence: `${view.sentence}${since.join('')}`, now };
}
