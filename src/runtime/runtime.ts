import type { ChangeReference } from '../domain/deployment/change-reference.js';
import type { CubeHolder, DesiredCube, ObservedInstance } from '../domain/deployment/desired-cubes.js';

/** A version of a cube: what should run of it and what does. */
export interface VersionStatus {
  readonly version: string;
  readonly instances: number;
  readonly generation: number;
  readonly state: 'running' | 'drained';
  /** As its supervisor sees them. */
  readonly observed: readonly ObservedInstance[];
}

/** What should run of a cube, and what does. */
export interface CubeStatus {
  readonly active: string;
  readonly previous: string | null;
  readonly holder: CubeHolder | null;
  readonly versions: readonly VersionStatus[];
  /** Whether a supervisor runs that carries changes out. */
  readonly supervised: boolean;
}

/**
 * How versions of cubes come and go. Each call records what should run and returns; it happens soon after, and `list` shows how far
 * it is. A call may be repeated. All but `claim`, `release` and `list` throw `conflict` when another run has claimed the cube.
 */
export interface CubeRuntime {
  /** Takes the cube for a run; throws `conflict` while an emergency rollback is at work on it, and for a run that has ended. */
  claim(change: ChangeReference, kind: CubeHolder['kind']): Promise<DesiredCube>;
  /** The run has ended. */
  release(change: ChangeReference): Promise<void>;
  /** Throws `not_found` for a version that was never released, or is kept no longer. */
  checkReleased(cubeId: string, version: string): Promise<void>;
  /** Starts a version next to those that run. Throws `not_found` for one that was never released. */
  deploy(change: ChangeReference, version: string, instances: number): Promise<void>;
  /** Lets a version finish what it has in hand, and go. */
  drain(change: ChangeReference, version: string): Promise<void>;
  /** Replaces the instances of older generations than `generation`, each once its successor is ready. */
  restart(change: ChangeReference, version: string, generation: number): Promise<void>;
  scale(change: ChangeReference, version: string, instances: number): Promise<void>;
  /** Puts on record which version takes traffic. */
  activate(change: ChangeReference, version: string): Promise<void>;
  /** Puts back what was wanted before a change, but for who holds the cube. */
  restore(change: ChangeReference, before: DesiredCube): Promise<void>;
  list(cubeId: string): Promise<CubeStatus>;
}
