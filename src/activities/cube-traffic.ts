import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { toFailure } from '../base/failures.js';
import { findCube, type TrafficName } from '../domain/cubes.js';
import type { ChangeReference } from '../domain/deployment/change-reference.js';
import { rollbackIdOf } from '../domain/deployment/rollback.js';
import type { ReopenedTraffic, StopOutcome, TrafficBefore } from '../domain/deployment/stopped-traffic.js';
import type { StepFence } from '../domain/step-fence.js';
import type { Ownership } from '../domain/traffic/routing.js';
import type { RedisConnection } from '../redis/connection.js';
import { readFence } from '../redis/fencing.js';
import { liftHold } from '../redis/scripts/lift-hold.js';
import type { InstanceFilter } from '../registry/instances.js';
import { clearKillSwitch, setKillSwitch } from '../state/kill-switches.js';
import { readFlags, writeFlags } from '../traffic/flags.js';
import { placeHold } from '../traffic/holds.js';
import { untilAcknowledged, untilSeen } from './gateway-answers.js';
import { guarded } from './guard.js';

export interface CubeTrafficDependencies {
  readonly redis: RedisConnection;
  /** Whether an instance of the registry belongs to this installation, at whatever address. */
  readonly known: InstanceFilter;
  /** Who owns the data behind a cube now. */
  readonly ownershipOf: (name: TrafficName) => Promise<Ownership>;
  /** Where kill switches lie: files that gateways obey without Redis. */
  readonly killSwitchFolder: string;
}

/** Gateways end a hold by themselves after this where no step extends it. */
const holdSeconds = 60;
const renewedMillis = 15_000;
const pollMillis = 1000;
/** Longer than a gateway takes to find a kill switch. */
const switchMillis = 500;

/** Keeping users from a cube and letting them in again. Each step may be repeated. */
export function createCubeTraffic({ redis, known, ownershipOf, killSwitchFolder }: CubeTrafficDependencies) {
  const killSwitch = (name: TrafficName) => join(killSwitchFolder, name);
  /** Undoes what an attempt did that came after a later step of its rollback. */
  const unlessLate = async (fence: StepFence, undo: () => Promise<unknown>) => {
    if ((await readFence(redis, fence.holderId)) > fence.sequence) await undo();
  };
  /** Sends users to legacy; answers how many gateways do not say that they go by it. */
  const close = async (name: TrafficName, by: string, fence: StepFence): Promise<number | null> => {
    // The record of who closed a cube stays as it is: the end opens only what a rollback closed. A plain SET
    // that closed it a moment ago made no revision; gateways see it at their next poll.
    const terms = { by, why: 'emergency rollback', onlyIfOpen: true, fence } as const;
    const answer = await writeFlags(redis, name, { enabled: false }, terms);
    return untilSeen(redis, known, name, 'conflict' in answer ? answer.conflict.revision : answer.revision);
  };
  /** Takes away what this very step has thrown, in this attempt or one before. */
  const takeBackSwitch = (name: TrafficName, by: string, fence: StepFence) =>
    clearKillSwitch(killSwitch(name), (thrower) => thrower.by === by && thrower.fence === fence.sequence);
  /** For gateways of this machine that Redis does not reach. */
  const closeWithoutRedis = async (name: TrafficName, by: string, fence: StepFence) => {
    await setKillSwitch(killSwitch(name), by, fence);
    // Redis may still be away: then no step has let users in meanwhile.
    await unlessLate(fence, () => takeBackSwitch(name, by, fence)).catch(() => undefined);
    await Context.current().sleep(switchMillis);
  };
  /** Named after the cube, not the run: a rollback takes over what the one before it left in place. */
  const hold = (name: TrafficName, { cubeId }: ChangeReference, fence: StepFence) =>
    placeHold(redis, name, { scope: 'all', seconds: holdSeconds, by: rollbackIdOf(cubeId) }, fence);
  return {
    /** How users reach the cube now, before anything changes it. */
    readTraffic: ({ cubeId }: ChangeReference): Promise<TrafficBefore> =>
      guarded(async () => {
        const name = trafficNameOf(cubeId);
        if (name === null) return { way: 'none', enabled: null };
        if ((await ownershipOf(name)).owner === 'cube') return { way: 'hold', enabled: null };
        const flags = await readFlags(redis, name).catch((error: unknown) => {
          if (toFailure(error).type === 'redis_unreachable') return undefined;
          throw error;
        });
        return { way: 'flags', enabled: flags?.enabled ?? null };
      }),

    /**
     * Sends users to legacy where legacy owns the data, by the flags; else they wait at the gateways, for as long as
     * the hold is renewed. Gateways have said so when this returns. While Redis is away, or a gateway does not
     * say that it goes by the flags, the kill switch is thrown too. `sequence` numbers the steps of a
     * rollback that change the traffic: an attempt that wakes up after a later step stops no user.
     */
    stopTraffic: (change: ChangeReference, { way }: TrafficBefore, sequence: number): Promise<StopOutcome> =>
      guarded(async () => {
        const fence = { holderId: change.holderId, sequence };
        const name = trafficNameOf(change.cubeId);
        if (name === null || way === 'none') return acknowledgedByAll;
        if (way === 'flags') {
          const unheard = await close(name, change.holderId, fence).catch((error: unknown) => {
            if (toFailure(error).type !== 'redis_unreachable') throw error;
            return null;
          });
          if (unheard !== 0) await closeWithoutRedis(name, change.holderId, fence);
          else await takeBackSwitch(name, change.holderId, fence);
          return { unheard };
        }
        const placed = await hold(name, change, fence);
        if (placed !== null) await untilAcknowledged(redis, known, placed.id);
        return acknowledgedByAll;
      }),

    /**
     * Keeps users waiting at the gateways: makes the hold of this rollback longer again and again, until it is cancelled or
     * a later step of the rollback took its fence. Whatever fails may pass, and users are to wait all the same.
     */
    extendHold: (change: ChangeReference, sequence: number): Promise<void> =>
      guarded(
        async () => {
          const name = trafficNameOf(change.cubeId);
          if (name === null) return;
          const fence = { holderId: change.holderId, sequence };
          let renewAt = 0;
          for (;;) {
            Context.current().heartbeat();
            if (Date.now() < renewAt) {
              if ((await readFence(redis, fence.holderId)) > fence.sequence) return;
            } else {
              if ((await hold(name, change, fence)) === null) return;
              renewAt = Date.now() + renewedMillis;
            }
            Context.current().heartbeat();
            await Context.current().sleep(pollMillis);
          }
        },
        { untilDone: true },
      ),

    /**
     * Opens the cube to its users again, where a rollback closed it, this one or an earlier one that left it to a person. A cube
     * that another caller closed stays closed: the outcome says so, and is a failure where that happened meanwhile.
     */
    resumeTraffic: (
      change: ChangeReference,
      { way, enabled }: TrafficBefore,
      sequence: number,
    ): Promise<ReopenedTraffic> =>
      guarded(async () => {
        const fence = { holderId: change.holderId, sequence };
        const name = trafficNameOf(change.cubeId);
        if (name === null || way === 'none') return reopenTraffic;
        if (way === 'hold') {
          await liftHold(redis, name, rollbackIdOf(change.cubeId), fence);
          return reopenTraffic;
        }
        const ofRollbacks = `${rollbackIdOf(change.cubeId)}/`;
        const why = 'emergency rollback done';
        const terms = { by: change.holderId, why, onlyIfClosedBy: ofRollbacks, fence };
        const answer = await writeFlags(redis, name, { enabled: true }, terms);
        if ((await readFence(redis, fence.holderId)) > fence.sequence) return reopenTraffic;
        // After the fence was advanced: a step that throws the switch late from now on removes it itself.
        await clearKillSwitch(
          killSwitch(name),
          ({ by, fence: thrownAt }) =>
            by.startsWith(ofRollbacks) && !(by === change.holderId && (thrownAt ?? 0) > fence.sequence),
        );
        if (!('conflict' in answer) || answer.conflict.enabled) return reopenTraffic;
        const closedBy = answer.conflict.closedBy ?? 'an unknown caller';
        return enabled === true
          ? { passed: false, sentence: `the cube was closed by ${closedBy} meanwhile` }
          : { passed: true, closedBy };
      }),
  };
}

const acknowledgedByAll: StopOutcome = { unheard: 0 };
const reopenTraffic: ReopenedTraffic = { passed: true, closedBy: null };

export type CubeTraffic = ReturnType<typeof createCubeTraffic>;

function trafficNameOf(cubeId: string): TrafficName | null {
  return findCube(cubeId)?.trafficName ?? null;
}
