import { setTimeout as sleep } from 'node:timers/promises';
import { type ChangeReference, rollbackIdOf } from '../domain/cube-changes.js';
import type { DesiredCube } from '../domain/desired-cubes.js';
import type { CubeRuntime } from '../runtime/runtime.js';
import { readActiveVersion, setActiveVersion } from '../traffic/instances.js';
import type { RedisConnection } from '../traffic/redis.js';
import { redisFailure } from '../traffic/redis-failure.js';
import { endTurns } from '../traffic/turns.js';
import { guarded } from './guard.js';

/** Gateways look every 400 ms, and a look may take a moment. */
const gatewaysSeeItMillis = 500;

export interface CubeVersionDependencies {
  readonly runtime: CubeRuntime;
  readonly redis: RedisConnection;
}

/** How versions of a cube come, take the traffic and go: short steps, each safe to repeat. */
export function createCubeVersions({ runtime, redis }: CubeVersionDependencies) {
  const announce = (cubeId: string, version: string) =>
    // A Redis that forbids notifications has the version all the same.
    setActiveVersion(redis, cubeId, version).catch(async (error: unknown) => {
      const active = await readActiveVersion(redis, cubeId).catch(() => null);
      if (active !== version) throw redisFailure(error);
    });
  return {
    /** Takes the cube for a run, and says what is wanted of it as yet. */
    takeCube: (change: ChangeReference, kind: 'deployment' | 'rollback'): Promise<DesiredCube> =>
      guarded(() => runtime.take(change, kind)),

    /** The run has ended: of its steps none that comes late does anything. */
    letCubeGo: (change: ChangeReference): Promise<void> =>
      guarded(async () => {
        await runtime.letGo(change);
        // The cube is free all the same while Redis is away.
        if (change.holderId.startsWith(rollbackIdOf(change.cubeId)))
          await endTurns(redis, change.holderId).catch(() => undefined);
      }),

    deployVersion: (change: ChangeReference, version: string, instances: number): Promise<void> =>
      guarded(() => runtime.deploy(change, version, instances)),

    restartVersion: (change: ChangeReference, version: string, generation: number): Promise<void> =>
      guarded(() => runtime.restart(change, version, generation)),

    scaleVersion: (change: ChangeReference, version: string, instances: number): Promise<void> =>
      guarded(() => runtime.scale(change, version, instances)),

    /** Gives a version the traffic: when this returns gateways send users to its instances alone. */
    activateVersion: (change: ChangeReference, version: string): Promise<void> =>
      guarded(async () => {
        await runtime.activate(change, version);
        await announce(change.cubeId, version);
        await sleep(gatewaysSeeItMillis);
      }),

    /** Lets every version go but those named. */
    keepVersions: (change: ChangeReference, versions: readonly string[]): Promise<void> =>
      guarded(async () => {
        const { versions: known } = await runtime.list(change.cubeId);
        for (const { version, state } of known)
          if (state === 'running' && !versions.includes(version)) await runtime.drain(change, version);
      }),

    /** Undoes whatever a change did: what was wanted before is wanted again, and what had the traffic has it. */
    restoreVersions: (change: ChangeReference, before: DesiredCube): Promise<void> =>
      guarded(async () => {
        await runtime.restore(change, before);
        await announce(change.cubeId, before.active);
      }),
  };
}

export type CubeVersions = ReturnType<typeof createCubeVersions>;
