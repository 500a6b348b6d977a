import type { RedisConnection } from '../redis/connection.js';
import { activeVersionKey, changedChannel, instancesKey } from '../redis/keys.js';
import { signEntry } from './entry-signature.js';

export type InstanceState = 'starting' | 'ready' | 'draining';

/** A running process of a cube, as the registry describes it. */
export interface InstanceEntry {
  readonly cube_id: string;
  readonly instance_id: string;
  /** Its base URL, without a slash at the end. */
  readonly url: string;
  readonly version: string;
  readonly state: InstanceState;
  /** Milliseconds since 1970. */
  readonly started_at: number;
  /** Milliseconds since 1970 by the clock of Redis, so that machines with different clocks agree on which instances are alive. */
  readonly heartbeat_at: number;
}

/** Whether a program accepts an entry of the registry. */
export type InstanceFilter = (entry: InstanceEntry) => boolean;

export type NewInstance = Omit<InstanceEntry, 'heartbeat_at'>;

/** An instance whose last heartbeat is older does not count as running, milliseconds. */
export const heartbeatTimeoutMillis = 5000;
/** After this its entry is removed. */
export const removalDelayMillis = 60_000;

export interface Registration {
  /** Writes the state to Redis at once, or with a later heartbeat while Redis is away; never throws. */
  setState(state: InstanceState): Promise<void>;
  /** Stops the heartbeats and removes the entry if Redis can be reached. */
  close(): Promise<void>;
}

export interface RegistrationOptions {
  /** The current secret of cube tokens, from which the key of the signatures is derived. */
  readonly secret: () => string;
  readonly everyMillis?: number;
}

/**
 * Adds an instance to the registry and keeps it there by signed heartbeats. While Redis is away it keeps trying; after a flush
 * the next heartbeat adds it again.
 */
export function registerInstance(
  redis: RedisConnection,
  instance: NewInstance,
  { secret, everyMillis = 1000 }: RegistrationOptions,
): Registration {
  const key = instancesKey(instance.cube_id);
  let { state } = instance;
  let last: Promise<void> = Promise.resolve();
  // One write after the other, so that an older state never overwrites a newer one.
  const write = (command: () => Promise<unknown>): Promise<void> => {
    // The next heartbeat repairs a failed one; the connection reports its own errors.
    last = last.then(command).then(
      () => undefined,
      () => undefined,
    );
    return last;
  };
  const heartbeat = async () => {
    const entry = { ...instance, state, heartbeat_at: await redisTime(redis) };
    const signed = { ...entry, signature: signEntry(secret(), entry) };
    await redis.hset(key, instance.instance_id, JSON.stringify(signed));
  };
  const writeAndPublish = async (command: () => Promise<unknown>) => {
    await write(command);
    await write(() => redis.publish(changedChannel, instance.cube_id));
  };
  void writeAndPublish(heartbeat);
  const timer = setInterval(() => void write(heartbeat), everyMillis);
  timer.unref();
  return {
    setState(next) {
      state = next;
      return writeAndPublish(heartbeat);
    },
    close() {
      clearInterval(timer);
      return writeAndPublish(() => redis.hdel(key, instance.instance_id));
    },
  };
}

/**
 * The live instances of a cube that `admits` accepts, by instance id; removes entries without a heartbeat for a minute.
 */
export async function readInstances(
  redis: RedisConnection,
  cubeId: string,
  admits: InstanceFilter,
): Promise<readonly InstanceEntry[]> {
  return (await readRegistry(redis, cubeId, admits)).alive;
}

/** The entries of a cube. */
export interface Registry {
  readonly alive: readonly InstanceEntry[];
  /** Instances whose heartbeats stopped: one that shut down cleanly has removed its entry. */
  readonly stale: readonly InstanceEntry[];
}

/** As `readInstances`, with the stale instances of the last minute. */
export async function readRegistry(redis: RedisConnection, cubeId: string, admits: InstanceFilter): Promise<Registry> {
  const key = instancesKey(cubeId);
  const [now, texts] = await Promise.all([redisTime(redis), redis.hgetall(key)]);
  const entries = Object.entries(texts).map(([id, text]) => ({ id, entry: parseEntry(text, cubeId, id) }));
  const age = (entry: InstanceEntry | undefined) => (entry === undefined ? Infinity : now - entry.heartbeat_at);
  const forgotten = entries.filter(({ entry }) => age(entry) > removalDelayMillis).map(({ id }) => id);
  if (forgotten.length > 0) await redis.hdel(key, ...forgotten);
  const known = entries
    .flatMap(({ entry }) => (entry === undefined || age(entry) > removalDelayMillis ? [] : [entry]))
    .filter(admits)
    .sort((a, b) => (a.instance_id < b.instance_id ? -1 : 1));
  const isAlive = (entry: InstanceEntry) => Math.abs(age(entry)) <= heartbeatTimeoutMillis;
  return { alive: known.filter(isAlive), stale: known.filter((entry) => !isAlive(entry)) };
}

/** Milliseconds since 1970 by the clock of Redis. */
async function redisTime(redis: RedisConnection): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/**
 * The version of a cube that takes its traffic; null while any version may. Not signed, as the flags: it only chooses among
 * signed instances.
 */
export function readActiveVersion(redis: RedisConnection, cubeId: string): Promise<string | null> {
  return redis.get(activeVersionKey(cubeId));
}

export async function setActiveVersion(redis: RedisConnection, cubeId: string, version: string): Promise<void> {
  await redis.set(activeVersionKey(cubeId), version);
  await redis.publish(changedChannel, cubeId);
}

/** Another program, or another version of this one, may have written anything there. */
function parseEntry(text: string, cubeId: string, id: string): InstanceEntry | undefined {
  try {
    const entry: Partial<InstanceEntry> | null = JSON.parse(text);
    const right =
      typeof entry === 'object' &&
      entry !== null &&
      // An entry under another cube or instance id is invalid, whatever its signature.
      entry.cube_id === cubeId &&
      entry.instance_id === id &&
      typeof entry.version === 'string' &&
      typeof entry.url === 'string' &&
      isWebAddress(entry.url) &&
      ['starting', 'ready', 'draining'].some((state) => state === entry.state) &&
      isTime(entry.started_at) &&
      isTime(entry.heartbeat_at);
    return right ? (entry as InstanceEntry) : undefined;
  } catch {
    return undefined;
  }
}

/** A program cannot connect to anything else: it would fail every request to the cube. */
function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
}
