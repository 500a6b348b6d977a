import type { CubeId } from '../../domain/catalog.js';
import { cubeDefinitions } from '../../domain/cubes.js';
import { type InstanceEntry, type Registry, removalDelayMillis } from '../../registry/instances.js';
import type { CollectorMetrics } from './collector-metrics.js';
import type { CubeAnswer } from './poll.js';
import type { WatchedInstance } from './watched.js';

export interface CollectorOptions {
  /** The instances of a cube as they are registered. */
  readonly readRegistry: (cubeId: CubeId) => Promise<Registry>;
  /** Asks one instance; rejects when it does not answer as it should. */
  readonly poll: (cubeId: string, url: string) => Promise<CubeAnswer>;
  readonly metrics: CollectorMetrics;
  readonly clock: () => Date;
}

export interface CubeMetricsCollector {
  /** Reads the registry and asks every instance that is not still being asked. Returns when all have answered or failed. */
  collect(): Promise<void>;
  watched(): readonly WatchedInstance[];
}

/** An instance that vanished without a word is watched, and told as down, for as long. */
const missingMillis = 300_000;

interface WatchEntry extends WatchedInstance {
  readonly registeredAt: number;
  /** Whether its entry was found without heartbeats. */
  readonly stale: boolean;
}

/**
 * The strategy's CubeMetricsCollector: cubes register, it polls health and performance of every instance. Each is asked by
 * itself: one that hangs or talks nonsense holds up nobody. While the registry is away those known are asked on.
 */
export function createCubeMetricsCollector(options: CollectorOptions): CubeMetricsCollector {
  const { clock, metrics } = options;
  const watches = new Map<string, WatchEntry>();
  const underWay = new Map<string, Promise<void>>();

  const readCube = async (cubeId: CubeId): Promise<void> => {
    const now = clock().getTime();
    let registry: Registry;
    try {
      registry = await options.readRegistry(cubeId);
      metrics.registryRead('ok');
    } catch {
      metrics.registryRead('failed');
      return;
    }
    for (const entry of registry.alive) {
      const known = watches.get(keyOf(entry));
      const fresh = { up: false, healthy: false, samples: [], answeredAt: now };
      watches.set(keyOf(entry), { ...(known ?? fresh), entry, registeredAt: now, stale: false });
    }
    const registered = new Set(registry.alive.map(keyOf));
    const silent = new Set(registry.stale.map(keyOf));
    for (const [key, watch] of watches) {
      if (watch.entry.cube_id !== cubeId || registered.has(key)) continue;
      if (leftCleanly(watch, silent.has(key), now) || now - watch.registeredAt > missingMillis) watches.delete(key);
      else if (silent.has(key)) watches.set(key, { ...watch, stale: true });
    }
  };

  const ask = async (key: string, { entry }: WatchEntry): Promise<void> => {
    const stop = metrics.startOf(entry.cube_id);
    const outcome = await options.poll(entry.cube_id, entry.url).then(
      (answer) => ({ up: true, ...answer, answeredAt: clock().getTime() }),
      () => ({ up: false, healthy: false }),
    );
    stop(outcome.up ? 'ok' : 'failed');
    const known = watches.get(key);
    if (known !== undefined) watches.set(key, { ...known, ...outcome });
  };

  return {
    async collect() {
      await Promise.all(cubeDefinitions.map(({ cubeId }) => readCube(cubeId)));
      for (const [key, watch] of watches) {
        if (underWay.has(key)) metrics.skipped(watch.entry.cube_id);
        else
          underWay.set(
            key,
            ask(key, watch).finally(() => underWay.delete(key)),
          );
      }
      await Promise.all(underWay.values());
    },
    watched: () => [...watches.values()],
  };
}

/**
 * One that drained said that it goes, and one that took its entry out went; of any other it should be seen that it is
 * gone. An entry without heartbeats is removed by whoever reads it after a minute: from then on it says nothing.
 */
function leftCleanly({ entry, registeredAt, stale }: WatchEntry, isSilent: boolean, now: number): boolean {
  return entry.state === 'draining' || (!isSilent && !stale && now - registeredAt < removalDelayMillis);
}

function keyOf({ cube_id, instance_id }: InstanceEntry): string {
  return JSON.stringify([cube_id, instance_id]);
}
