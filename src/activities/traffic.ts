import { Failure } from '../base/failures.js';
import type { AuditOutcome } from '../domain/audit.js';
import type { CheckResult } from '../domain/check-result.js';
import { cubeIdOf, type TrafficName } from '../domain/cubes.js';
import type { StepFence } from '../domain/step-fence.js';
import type { CounterSnapshot } from '../domain/traffic/ramp/counters.js';
import type { LatencyComparison } from '../domain/traffic/ramp/mann-whitney.js';
import { appendAudit } from '../postgres/audit.js';
import { atSide, type Databases } from '../postgres/databases.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceEntry, type InstanceFilter, readActiveVersion, readInstances } from '../registry/instances.js';
import type { CubeCalls } from '../runtime/cube-calls.js';
import { checkWrites } from '../runtime/write-checks.js';
import type { StoredFlags } from '../traffic/flag-texts.js';
import { currentChange, readFlags, writeFlags } from '../traffic/flags.js';
import { readLatencies, readSignals, type SignalSources } from '../traffic/signals.js';
import { guarded } from './guard.js';

/** What steps of traffic need of the world. */
export interface TrafficDependencies {
  readonly databases: Databases;
  readonly redis: RedisConnection;
  /** Which instances of the registry are called. */
  readonly admits: InstanceFilter;
  readonly sources: SignalSources;
}

/** One read of everything a ramp is judged by. */
export interface TrafficObservation {
  /** Null when Redis does not answer. */
  readonly weight: {
    readonly enabled: boolean;
    /** Null for a value that is no percentage. */
    readonly percentage: number | null;
    /** Who made the last change through the engine, as long as no other program has changed it since. */
    readonly changedBy: string | null;
    /** How many changes were made through the engine. */
    readonly revision: number;
  } | null;
  /** Ready instances of the version that takes the cube's traffic; null when Redis does not answer. */
  readonly ready: number | null;
  readonly snapshot: CounterSnapshot;
  /** The gateways that the registry, or Prometheus, knows of. */
  readonly listed: readonly string[];
  readonly missing: string | null;
}

export interface WeightChange {
  readonly cube: TrafficName;
  readonly percentage: number;
  /** The change is made only while this is the weight. */
  readonly onlyIf?: number;
  /** The change is made only while so many were made: an attempt that was given up, and wakes up late, changes nothing. */
  readonly onlyIfRevision?: number;
  /** The change is made once: an attempt that wakes up after it was made changes nothing, whatever is so by then. */
  readonly fence?: StepFence;
  readonly by: string;
  readonly why: string;
}

export interface RampMove {
  readonly cube: TrafficName;
  readonly by: string;
  readonly action: 'ramp.advance' | 'ramp.back';
  readonly from: number;
  readonly to: number;
  readonly why: string;
}

/** Looks at traffic, which change nothing: what cannot be read is said to be missing. */
export function createTrafficReads({
  redis,
  admits,
  sources,
  calls,
}: Omit<TrafficDependencies, 'databases'> & { readonly calls: CubeCalls }) {
  return {
    /** Whether the cube can write where its users' writes go; what cannot be found out is no proof. */
    checkWrites: (cube: TrafficName): Promise<CheckResult> =>
      guarded(() => checkWrites({ redis, admits, calls }, cube)),

    observeTraffic: (cube: TrafficName): Promise<TrafficObservation> =>
      guarded(async () => {
        const state = await readState(redis, admits, cube).catch((error: unknown) => {
          if (error instanceof Failure && error.type === 'redis_unreachable') return undefined;
          throw error;
        });
        const { snapshot, missing } = await readSignals(sources, cube, state?.gateways ?? []);
        return {
          weight: state?.weight ?? null,
          ready: state?.ready ?? null,
          snapshot,
          listed: [...(state?.gateways.map(({ instance_id }) => instance_id) ?? []), ...Object.keys(snapshot)],
          missing: state === undefined ? 'Redis does not answer: neither weights nor registry can be read.' : missing,
        };
      }),

    /** Compares the latencies of both sides by user; what cannot be read is said to be missing. */
    compareUserLatencies: (cube: TrafficName): Promise<LatencyComparison | { readonly missing: string }> =>
      guarded(async () => {
        try {
          return await readLatencies(sources, cube, await gatewaysOf(redis, admits));
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          return { missing: error.message };
        }
      }),
  };
}
export type TrafficReads = ReturnType<typeof createTrafficReads>;

/** Changes of weights: each one write of Redis, safe to repeat, and tried until it is done. */
export function createWeightSteps({ redis, databases }: Omit<TrafficDependencies, 'sources' | 'admits'>) {
  return {
    /** `done: false` when weight or revision was another one than expected, and the weight not yet the wanted one. */
    setWeight: ({
      cube,
      percentage,
      onlyIf,
      onlyIfRevision,
      fence,
      by,
      why,
    }: WeightChange): Promise<{ done: boolean; revision: number; before?: number }> =>
      guarded(
        async () => {
          const terms = {
            by,
            why,
            ...(onlyIf === undefined ? {} : { onlyIfPercentage: onlyIf }),
            ...(onlyIfRevision === undefined ? {} : { onlyIfRevision }),
            ...(fence === undefined ? {} : { fence }),
          };
          const answer = await writeFlags(redis, cube, { percentage }, terms);
          // An attempt whose answer was lost has made the change already.
          return 'conflict' in answer
            ? { done: answer.conflict.percentage === percentage, revision: answer.conflict.revision }
            : { done: true, revision: answer.revision, ...readableWeight(answer.before) };
        },
        { untilDone: true },
      ),

    /** Puts a move that a ramp has made by itself on record; a repetition may put it there twice. */
    recordMove: ({ cube, by, action, from, to, why }: RampMove): Promise<void> =>
      guarded(
        async () => {
          const act = {
            actor: by,
            action,
            subject: cube,
            details: { from, to, why, outcome: 'done' satisfies AuditOutcome },
          };
          await atSide('cube', () => appendAudit(databases.cube, act));
        },
        { untilDone: true },
      ),
  };
}
/** The weight that a change replaced: 0 for a closed cube, nothing for a value that is no percentage. */
function readableWeight({ enabled, percentage }: StoredFlags): { before?: number } {
  if (!enabled) return { before: 0 };
  return percentage === null ? {} : { before: percentage };
}

export type WeightSteps = ReturnType<typeof createWeightSteps>;

async function readState(redis: RedisConnection, admits: InstanceFilter, cube: TrafficName) {
  const cubeId = cubeIdOf(cube);
  const [flags, gateways, instances, version] = await Promise.all([
    readFlags(redis, cube),
    gatewaysOf(redis, admits),
    instancesOf(redis, admits, cubeId),
    readActiveVersion(redis, cubeId).catch((error: unknown) => {
      throw redisFailure(error);
    }),
  ]);
  const { enabled, percentage, revision } = flags;
  return {
    weight: { enabled, percentage, changedBy: currentChange(flags)?.by ?? null, revision },
    gateways,
    ready: instances.filter((one) => one.state === 'ready' && (version === null || one.version === version)).length,
  };
}

async function gatewaysOf(redis: RedisConnection, admits: InstanceFilter): Promise<readonly InstanceEntry[]> {
  // One that drains still counts what it answers.
  return (await instancesOf(redis, admits, 'api-gateway-cube')).filter(({ state }) => state !== 'starting');
}

function instancesOf(
  redis: RedisConnection,
  admits: InstanceFilter,
  cubeId: string,
): Promise<readonly InstanceEntry[]> {
  return readInstances(redis, cubeId, admits).catch((error: unknown) => {
    throw redisFailure(error);
  });
}
