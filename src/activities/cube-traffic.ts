import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { type ChangeReference, type LetIn, rollbackIdOf, type TrafficBefore } from '../domain/cube-changes.js';
import { findCube, type TrafficName } from '../domain/cubes.js';
import type { Ownership } from '../domain/routing.js';
import type { Turn } from '../domain/turn.js';
import { Failure, toFailure } from '../failures.js';
import { readFlags, writeFlags } from '../traffic/flags.js';
import { acknowledgements, liftHold, placeHold, readHoldOn } from '../traffic/holds.js';
import { readInstances } from '../traffic/instances.js';
import type { RedisConnection } from '../traffic/redis.js';
import { redisFailure } from '../traffic/redis-failure.js';
import { removeSwitch, throwSwitch } from '../traffic/thrown-switch.js';
import { lastTurn, takeTurn } from '../traffic/turns.js';
import { guarded } from './guard.js';

export interface CubeTrafficDependencies {
  readonly redis: RedisConnection;
  /** Who owns the data behind a cube now. */
  readonly ownershipOf: (name: TrafficName) => Promise<Ownership>;
  /** Where kill switches lie: files that gateways obey without Redis. */
  readonly killSwitchFolder: string;
}

/** Longer than a rollback that goes well; gateways let go by themselves when it does not. */
const holdSeconds = 60;
const acknowledgedMillis = 2000;
const gatewayCube = 'api-gateway-cube';

/** Keeping users from a cube and letting them in again. Each step may be repeated. */
export function createCubeTraffic({ redis, ownershipOf, killSwitchFolder }: CubeTrafficDependencies) {
  const killSwitch = (name: TrafficName) => join(killSwitchFolder, name);
  /** Undoes what an attempt did that came after a later step of its rollback. */
  const unlessLate = async (turn: Turn | undefined, undo: () => Promise<unknown>) => {
    if (turn !== undefined && (await lastTurn(redis, turn.holderId)) > turn.turn) await undo();
  };
  const close = async (name: TrafficName, { holderId: by }: ChangeReference, turn: Turn | undefined) => {
    try {
      // One that is closed already stays whoever's it is: what is opened at the end is what a rollback closed.
      const terms = {
        by,
        why: 'emergency rollback',
        onlyIfOpen: true,
        ...(turn === undefined ? {} : { turn }),
      } as const;
      await writeFlags(redis, name, { enabled: false }, terms);
    } catch (error) {
      if (toFailure(error).type !== 'redis_unreachable') throw error;
      await throwSwitch(killSwitch(name), by, turn);
      // Redis may still be away: then nobody was let in meanwhile.
      const remove = () =>
        removeSwitch(killSwitch(name), (thrower) => thrower.by === by && thrower.turn === turn?.turn);
      await unlessLate(turn, remove).catch(() => undefined);
    }
  };
  return {
    /** How users reach the cube now, to be told before it is changed. */
    lookAtTraffic: ({ cubeId }: ChangeReference): Promise<TrafficBefore> =>
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
     * Sends users to legacy where legacy owns the data, by the flags, and by the kill switch while Redis is away; else they
     * wait at the gateways, which have said so when this returns. `count` is this step's place among those of its rollback
     * that change the traffic: an attempt that wakes up after a later one stops nobody.
     */
    stopTraffic: (change: ChangeReference, { way }: TrafficBefore, count?: number): Promise<void> =>
      guarded(async () => {
        const turn = turnOf(change, count);
        const name = trafficNameOf(change.cubeId);
        if (name === null || way === 'none') return;
        if (way === 'flags') return close(name, change, turn);
        const hold = await placeHold(redis, name, { scope: 'all', seconds: holdSeconds, by: change.holderId });
        await unlessLate(turn, () => liftHold(redis, name, hold.id));
        await untilAcknowledged(redis, hold.id);
      }),

    /**
     * Lets users in again. A cube that a rollback closed is opened, this one or one before that left it to a person; one
     * that somebody else closed stays closed: that is told, and is a failure where it happened meanwhile.
     */
    letTrafficIn: (change: ChangeReference, { way, enabled }: TrafficBefore, count?: number): Promise<LetIn> =>
      guarded(async () => {
        const turn = turnOf(change, count);
        const name = trafficNameOf(change.cubeId);
        if (name === null || way === 'none') return letIn;
        if (way === 'hold') {
          // First of all: a hold that is placed late from now on is lifted by whoever placed it.
          if (turn !== undefined && !(await takeTurn(redis, turn))) return letIn;
          const hold = await readHoldOn(redis, name);
          if (hold !== null && hold.by === change.holderId) await liftHold(redis, name, hold.id);
          return letIn;
        }
        const ofRollbacks = `${rollbackIdOf(change.cubeId)}/`;
        const why = 'emergency rollback done';
        const fenced = turn === undefined ? {} : { turn };
        const terms = { by: change.holderId, why, onlyIfClosedBy: ofRollbacks, ...fenced };
        const answer = await writeFlags(redis, name, { enabled: true }, terms);
        if (turn !== undefined && (await lastTurn(redis, turn.holderId)) > turn.turn) return letIn;
        // After the turn was taken: a switch that is thrown late from now on is removed by whoever threw it.
        await removeSwitch(
          killSwitch(name),
          ({ by, turn: thrownAt }) =>
            by.startsWith(ofRollbacks) && !(by === change.holderId && (thrownAt ?? 0) > (turn?.turn ?? Infinity)),
        );
        if (!('conflict' in answer) || answer.conflict.enabled) return letIn;
        const closedBy = answer.conflict.closedBy ?? 'somebody';
        return enabled === true
          ? { passed: false, sentence: `the cube was closed by ${closedBy} meanwhile` }
          : { passed: true, closedBy };
      }),
  };
}

const letIn: LetIn = { passed: true, closedBy: null };

export type CubeTraffic = ReturnType<typeof createCubeTraffic>;

/** Plans before this version did not count. */
function turnOf({ holderId }: ChangeReference, count: number | undefined): Turn | undefined {
  return count === undefined ? undefined : { holderId, turn: count };
}

function trafficNameOf(cubeId: string): TrafficName | null {
  return findCube(cubeId)?.trafficName ?? null;
}

/** Waits until every gateway that is there holds; one that does not say so in time is a failure, and the step is tried again. */
async function untilAcknowledged(redis: RedisConnection, holdId: string): Promise<void> {
  const deadline = Date.now() + acknowledgedMillis;
  for (;;) {
    // Nobody calls them: an acknowledgement is waited for wherever a gateway says that it stands.
    const gateways = await readInstances(redis, gatewayCube).catch((error: unknown) => {
      throw redisFailure(error);
    });
    const said = await acknowledgements(redis, holdId);
    // One that drains has requests under way, and takes new ones on connections that are open.
    const missing = gateways.filter(({ instance_id: id }) => !said.has(id));
    if (missing.length === 0) return;
    if (Date.now() > deadline)
      throw new Failure('step_stalled', `${missing.length} gateways did not acknowledge the hold in time.`);
    await Context.current().sleep(50);
  }
}
