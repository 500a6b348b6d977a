import type { Endpoint } from './load-balancer.js';

/** An instance as the registry describes it. */
export interface RegisteredInstance {
  readonly instance_id: string;
  readonly url: string;
  readonly version: string;
  readonly state: 'starting' | 'ready' | 'draining';
}

export interface InstanceSourceOptions<Id extends string> {
  readonly cubeIds: readonly Id[];
  /** The live instances of a cube. Rejects when the registry cannot be reached. */
  readonly read: (cubeId: Id) => Promise<readonly RegisteredInstance[]>;
  /** The version that takes the traffic; null for any. */
  readonly readVersion: (cubeId: Id) => Promise<string | null>;
  readonly onError: (error: unknown) => void;
  readonly everyMillis?: number;
}

/** Heartbeats refill a flushed registry within a second; until then the last list stays in use. */
const emptyGraceMillis = 5000;

export interface InstanceSource<Id extends string> {
  /** Polls for the first time; resolves also when the registry is away. */
  start(): Promise<void>;
  /** The instances that take traffic now: ready, and of the active version where one is set. The same array until it changes. */
  ready(cubeId: Id): readonly Endpoint[];
  /**
   * Identifies the versions that answer clients now: the active one, else those that are ready. Unchanged while no instance is
   * ready.
   */
  versionOf(cubeId: Id): string;
  /** Milliseconds since the registry last answered. */
  staleForMillis(): number;
  close(): void;
}

const noEndpoints: readonly Endpoint[] = [];

/** Follows the registry by polling. While it cannot be reached the last known instances stay. */
export function createInstanceSource<Id extends string>(options: InstanceSourceOptions<Id>): InstanceSource<Id> {
  const { cubeIds, everyMillis = 400 } = options;
  const lists = new Map<Id, readonly Endpoint[]>();
  const versions = new Map<Id, string>();
  const lastSeen = new Map<Id, number>();
  let answeredAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function poll(): Promise<void> {
    try {
      await Promise.all(cubeIds.map(pollCube));
      answeredAt = performance.now();
    } catch (error) {
      options.onError(error);
    }
  }

  async function pollCube(cubeId: Id): Promise<void> {
    const [instances, version] = await Promise.all([options.read(cubeId), options.readVersion(cubeId)]);
    const now = performance.now();
    if (instances.length > 0) lastSeen.set(cubeId, now);
    else if (now - (lastSeen.get(cubeId) ?? Number.NEGATIVE_INFINITY) < emptyGraceMillis) return;
    const serving = instances.filter((one) => one.state === 'ready' && (version === null || one.version === version));
    if (serving.length > 0)
      versions.set(cubeId, JSON.stringify([...new Set(serving.map((one) => one.version))].sort()));
    const endpoints = serving
      .map((one) => ({ id: one.instance_id, url: one.url }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const before = lists.get(cubeId) ?? noEndpoints;
    const same =
      before.length === endpoints.length &&
      endpoints.every(({ id, url }, index) => before[index]?.id === id && before[index]?.url === url);
    if (!same) lists.set(cubeId, endpoints);
  }

  function next(): void {
    if (closed) return;
    timer = setTimeout(() => void poll().then(next), everyMillis);
    timer.unref();
  }

  return {
    async start() {
      await poll();
      next();
    },
    ready: (cubeId) => lists.get(cubeId) ?? noEndpoints,
    versionOf: (cubeId) => versions.get(cubeId) ?? '',
    staleForMillis: () => performance.now() - answeredAt,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
