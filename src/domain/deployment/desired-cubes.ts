import { Failure } from '../../base/failures.js';

/**
 * What should run of each cube, as the state folder keeps it. A change is a new file, numbered one higher and put there
 * whole: of two writers that start from the same one, one fails and reads again, and no writer can leave a lock behind.
 */

export interface DesiredVersion {
  readonly instances: number;
  /** Raised by a restart: instances of an older generation stop once those of the newest are ready. */
  readonly generation: number;
  /** `drained`: its instances finish the requests that they have, and end. A deployment starts the version again. */
  readonly state: 'running' | 'drained';
}

/** The run that changes a cube now, or changed it last. */
export interface CubeHolder {
  readonly id: string;
  readonly kind: 'deployment' | 'rollback';
  readonly atWork: boolean;
}

export interface DesiredCube {
  /** The version that takes traffic. */
  readonly active: string;
  /** The one that took it before: kept warm for the way back. */
  readonly previous: string | null;
  readonly holder: CubeHolder | null;
  /** The runs that ended last, or lost the cube to another: they never get it again. */
  readonly ended: readonly string[];
  readonly versions: Readonly<Record<string, DesiredVersion>>;
}

export type DesiredCubes = Readonly<Record<string, DesiredCube>>;

/** The number of the newest state among the names of the files; 0 when there is none. */
export function newestState(names: readonly string[]): number {
  return Math.max(0, ...names.flatMap((name) => (/^\d{8}\.json$/.test(name) ? [Number(name.slice(0, 8))] : [])));
}

export function stateFile(number: number): string {
  return `${String(number).padStart(8, '0')}.json`;
}

/** What runs of a cube that was never deployed: one instance of the version that came with the package. */
export function firstDesired(version: string): DesiredCube {
  return { active: version, previous: null, holder: null, ended: [], versions: { [version]: firstVersion } };
}

const firstVersion: DesiredVersion = { instances: 1, generation: 1, state: 'running' };

/**
 * Takes a cube for a run. A rollback takes it from a deployment, whose later changes are then refused; no run takes it
 * from a rollback at work but another one, of which there is one at a time. A run that has ended never gets it again: that is
 * an attempt which was given up, and wakes up late. Throws `conflict`.
 */
export function claimCube(cube: DesiredCube, holder: Pick<CubeHolder, 'id' | 'kind'>): DesiredCube {
  const { holder: other } = cube;
  if (cube.ended.includes(holder.id))
    throw new Failure('conflict', 'This change of the cube has ended, or another has taken over.', {
      hint: 'Look at both with `cubeshift cubes status CUBE`.',
    });
  if (holder.kind === 'deployment' && other?.kind === 'rollback' && other.atWork)
    throw new Failure('conflict', `An emergency rollback is changing this cube (${other.id}).`, {
      hint: 'Look at it with `cubeshift cubes rollback CUBE --wait`, which also starts it again where it was terminated; where it waits for a person it prints what to type.',
    });
  const held = { ...cube, holder: { ...holder, atWork: true } };
  return other === null || other.id === holder.id ? held : withEnded(held, other.id);
}

/** Lets a cube go for good; what another run holds by now stays held. */
export function releaseCube(cube: DesiredCube, holderId: string): DesiredCube {
  const { holder } = cube;
  return withEnded(holder?.id === holderId ? { ...cube, holder: { ...holder, atWork: false } } : cube, holderId);
}

/** More changes of one cube than are made while a worker that hangs goes unnoticed. */
const endedKept = 50;

function withEnded(cube: DesiredCube, holderId: string): DesiredCube {
  const { ended } = cube;
  return ended.includes(holderId) ? cube : { ...cube, ended: [...ended, holderId].slice(-endedKept) };
}

/** Throws `conflict` when another run has taken the cube meanwhile, or the run has ended: a step of it comes late. */
export function checkHeld(cube: DesiredCube, holderId: string): void {
  if (cube.holder?.id === holderId && cube.holder.atWork) return;
  throw new Failure('conflict', 'Another change of this cube has taken over, or this one has ended.', {
    hint: 'Look at both with `cubeshift cubes status CUBE`.',
  });
}

export function withVersion(cube: DesiredCube, version: string, change: Partial<DesiredVersion>): DesiredCube {
  const known = cube.versions[version] ?? firstVersion;
  return { ...cube, versions: { ...cube.versions, [version]: { ...known, ...change } } };
}

export function withActive(cube: DesiredCube, version: string): DesiredCube {
  return cube.active === version ? cube : { ...cube, active: version, previous: cube.active };
}

/** The desired state before a change; the holders since then stay recorded. */
export function withWanted({ holder, ended }: DesiredCube, before: DesiredCube): DesiredCube {
  return { ...before, holder, ended };
}

/** The version that a cube goes back to when none is named: the one that took the traffic before, while it is kept warm. */
export function warmVersion({ previous, versions }: Pick<DesiredCube, 'previous' | 'versions'>): string | undefined {
  return previous !== null && versions[previous]?.state === 'running' ? previous : undefined;
}

/** One process that should run. */
export interface WantedInstance {
  readonly cubeId: string;
  readonly version: string;
  readonly instanceId: string;
  readonly slot: number;
  readonly generation: number;
}

export function wantedInstances(cubeId: string, cube: DesiredCube): readonly WantedInstance[] {
  return Object.entries(cube.versions).flatMap(([version, wanted]) => instancesOf(cubeId, version, wanted));
}

export function instancesOf(
  cubeId: string,
  version: string,
  { instances, generation, state }: DesiredVersion,
): readonly WantedInstance[] {
  return Array.from({ length: state === 'running' ? instances : 0 }, (_, place) => ({
    cubeId,
    version,
    instanceId: `${cubeId}-${version}-${place + 1}${generation > 1 ? `-r${generation}` : ''}`,
    slot: place + 1,
    generation,
  }));
}

/**
 * Checks that a change leaves a cube at most `max` instances: `after` would run, `now` do. A change that adds none is never
 * refused. Throws `too_many_instances`.
 */
export function checkInstances(cubeId: string, { now, after, max }: Record<'now' | 'after' | 'max', number>): void {
  if (after <= max || after <= now) return;
  throw new Failure(
    'too_many_instances',
    `${after} instances of ${cubeId} would run at once, over all its versions and however they were started; the maximum is ${max}.`,
  );
}

/** A process as its supervisor sees it. */
export interface ObservedInstance extends WantedInstance {
  readonly pid: number | null;
  readonly port: number | null;
  readonly state: 'starting' | 'ready' | 'stopping' | 'ended';
  /** How often it was started. */
  readonly starts: number;
  /** How it ended the last time; null when it never did. */
  readonly lastEnd: string | null;
}

/**
 * Whether an instance that is no longer wanted may stop: at once, except that one which a restart replaces stays until
 * another in its place is ready.
 */
export function mayStop(instance: ObservedInstance, cube: DesiredCube, all: readonly ObservedInstance[]): boolean {
  const version = cube.versions[instance.version];
  const replaced = version?.state === 'running' && instance.slot <= version.instances;
  if (!replaced || instance.state !== 'ready') return true;
  return all.some(
    (other) =>
      other.cubeId === instance.cubeId &&
      other.version === instance.version &&
      other.slot === instance.slot &&
      other.generation === version.generation &&
      other.state === 'ready',
  );
}
