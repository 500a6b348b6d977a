import { setTimeout as sleep } from 'node:timers/promises';
import type { ChangeReference } from '../domain/deployment/change-reference.js';
import { checkInstances, type DesiredCube, instancesOf, warmVersion } from '../domain/deployment/desired-cubes.js';
import { rollbackIdOf, type TargetFound } from '../domain/deployment/rollback.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { closeFence } from '../redis/fencing.js';
import { type InstanceFilter, readActiveVersion, readInstances, setActiveVersion } from '../registry/instances.js';
import type { CubeRuntime, CubeStatus, VersionStatus } from '../runtime/runtime.js';
import { guarded } from './guard.js';

/** Gateways poll every 400 ms, and a poll may take a moment. */
const gatewaysSeeItMillis = 500;

export interface CubeVersionDependencies {
  readonly runtime: CubeRuntime;
  readonly redis: RedisConnection;
  /** Which instances of the registry count as instances. */
  readonly admits: InstanceFilter;
  /** Of one cube, of all its versions. */
  readonly maxInstances: number;
}

/** How versions of a cube come, take the traffic and go: short steps, each safe to repeat. */
export function createCubeVersions({ runtime, redis, admits, maxInstances }: CubeVersionDependencies) {
  const announce = (cubeId: string, version: string) =>
    // A Redis that forbids notifications has the version all the same.
    setActiveVersion(redis, cubeId, version).catch(async (error: unknown) => {
      const active = await readActiveVersion(redis, cubeId).catch(() => null);
      if (active !== version) throw redisFailure(error);
    });
  /**
   * Throws `too_many_instances` for a change after which more would run than may; `changed` says how many run of each version
   * then. An emergency rollback is never refused: what it replaces goes.
   */
  const checkRoom = async (change: ChangeReference, changed: (running: ReadonlyMap<string, number>) => number) => {
    if (change.holderId.startsWith(rollbackIdOf(change.cubeId))) return;
    const { versions } = await runtime.list(change.cubeId);
    const running = new Map(versions.flatMap((one) => (one.state === 'running' ? [[one.version, one.instances]] : [])));
    const others = await countOthers(change.cubeId, versions);
    const now = sum(running.values());
    checkInstances(change.cubeId, { now: now + others, after: changed(running) + others, max: maxInstances });
  };
  /** Instances in the registry that another program started; none where Redis does not answer. */
  const countOthers = async (cubeId: string, versions: readonly VersionStatus[]) => {
    const own = new Set(
      versions.flatMap((one) => [...instancesOf(cubeId, one.version, one), ...one.observed].map((it) => it.instanceId)),
    );
    const registered = await readInstances(redis, cubeId, admits).catch(() => []);
    return registered.filter(({ instance_id: id, state }) => state !== 'draining' && !own.has(id)).length;
  };
  return {
    /** Takes the cube for a run, and says what is wanted of it as yet. */
    claimCube: (change: ChangeReference, kind: 'deployment' | 'rollback'): Promise<DesiredCube> =>
      guarded(() => runtime.claim(change, kind)),

    /**
     * The version that a rollback would go to, searched before anything is changed: an instance of it is ready, or its
     * release is kept and a supervisor runs that can start it. Null names none: the one that is warm.
     */
    findTarget: ({ cubeId }: ChangeReference, named: string | null): Promise<TargetFound> =>
      guarded(async () => {
        for (let attempt = 1; ; attempt++) {
          const status = await runtime.list(cubeId);
          const version = named ?? warmVersion(asDesired(status));
          if (version === undefined)
            return { found: false, sentence: 'no earlier version is warm, and none was named' };
          const sentence = unstartable(status, version);
          // Its supervisor may be busy, or just starting it again.
          if (sentence !== undefined && attempt < maxReads) {
            await sleep(pollMillis);
            continue;
          }
          if (sentence !== undefined) return { found: false, sentence };
          if (!isWarm(status, version)) await runtime.checkReleased(cubeId, version);
          return { found: true, version };
        }
      }),

    /** The run has ended: of its steps none that comes late does anything. */
    releaseCube: (change: ChangeReference): Promise<void> =>
      guarded(async () => {
        await runtime.release(change);
        // The cube is free all the same while Redis is away.
        if (change.holderId.startsWith(rollbackIdOf(change.cubeId)))
          await closeFence(redis, change.holderId).catch(() => undefined);
      }),

    deployVersion: (change: ChangeReference, version: string, instances: number): Promise<void> =>
      guarded(async () => {
        await checkRoom(change, (running) => sum(new Map(running).set(version, instances).values()));
        await runtime.deploy(change, version, instances);
      }),

    restartVersion: (change: ChangeReference, version: string, generation: number): Promise<void> =>
      guarded(async () => {
        // Each instance runs next to its successor until that is ready.
        await checkRoom(change, (running) => sum(running.values()) + (running.get(version) ?? 0));
        await runtime.restart(change, version, generation);
      }),

    scaleVersion: (change: ChangeReference, version: string, instances: number): Promise<void> =>
      guarded(async () => {
        await checkRoom(change, (running) => sum(new Map(running).set(version, instances).values()));
        await runtime.scale(change, version, instances);
      }),

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

const maxReads = 10;
const pollMillis = 100;

function asDesired({ previous, versions }: CubeStatus) {
  return { previous, versions: Object.fromEntries(versions.map((one) => [one.version, one])) };
}

function isWarm({ active, versions }: CubeStatus, version: string): boolean {
  const wanted = versions.find((one) => one.version === version);
  // Of the version that is ill itself new instances are started.
  return version !== active && wanted?.state === 'running' && wanted.observed.some(({ state }) => state === 'ready');
}

/** Why a version that may well be released will not come up, as far as that can be known before it is tried. */
function unstartable(status: CubeStatus, version: string): string | undefined {
  if (isWarm(status, version)) return undefined;
  if (!status.supervised) return 'no supervisor runs in this state folder; start it with `cubeshift up`';
  const wanted = status.versions.find((one) => one.version === version);
  const running = version !== status.active && wanted?.state === 'running';
  return running ? `${version} should be warm, and no instance of it is ready` : undefined;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
