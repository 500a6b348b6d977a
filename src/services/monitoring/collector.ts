import type { CubeId } from '../../domain/catalog.js';
import { cubeDefinitions } from '../../domain/cubes.js';
import { type InstanceEntry, type Registry, removalDelayMillis } from '../../registry/instances.js';
import type { CollectorMetrics } from './collector-metrics.js';
import type { PolledCube } from './poll.js';
import type { WatchedInstance } from './watched.js';

export interface CollectorOptions {
  /** The instances of a cube as they are registered. */
  readonly readRegistry: (cubeId: CubeId) => Promise<Registry>;
  /** Polls one instance; rejects without a valid response. */
  readonly poll: (cubeId: string, url: string) => Promise<PolledCube>;
  readonly metrics: CollectorMetrics;
  readonly clock: () => Date;
}

export interface CubeMetricsCollector {
  /** Reads the registry and polls every instance without a poll in progress. Returns when all have answered or failed. */
  collect(): Promise<void>;
  watched(): readonly WatchedInstance[];
}

/** An instance that disappeared without a clean shutdown is reported as down for this time. */
const missingMillis = 300_000;

interface WatchEntry extends WatchedInstance {
  readonly registeredAt: number;
  /** Whether its entry was found without recent heartbeats. */
  readonly stale: boolean;
}

/**
 * The strategy's CubeMetricsCollector: cubes register, it polls health and metrics of every instance. Polls are independent: an
 * instance that hangs or answers nonsense delays no other. While the registry is away it polls the known instances.
 */
export function createCubeMetricsCollector(options: CollectorOptions): CubeMetricsCollector {
  const { clock, metrics } = options;
  const watches = new Map<string, WatchEntry>();
  const inFlight = new Map<string, Promise<void>>();

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

  const pollInstance = async (key: string, { entry }: WatchEntry): Promise<void> => {
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
        if (inFlight.has(key)) metrics.skipped(watch.entry.cube_id);
        else
          inFlight.set(
            key,
            pollInstance(key, watch).finally(() => inFlight.delete(key)),
          );
      }
      await Promise.all(inFlight.values());
    },
    watched: () => [...watches.values()],
  };
}

/**
 * Whether an instance shut down cleanly: it was draining, or removed its entry. Every other one is reported as missing. A reader
 * removes an entry after a minute without heartbeats: from then on its absence shows nothing.
 */
function leftCleanly({ entry, registeredAt, stale }: WatchEntry, isSilent: boolean, now: number): boolean {
  return entry.state === 'draining' || (!isSilent && !stale && now - registeredAt < removalDelayMillis);
}

function keyOf({ cube_id, instance_id }: InstanceEntry): string {
  return JSON.stringify([cube_id, instance_id]);
}
