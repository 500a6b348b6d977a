import type { RedisConnection } from '../redis/connection.js';
import { activeVersionKey, changedChannel, instancesKey } from '../redis/keys.js';
import { signEntry } from './entry-signature.js';

export type InstanceState = 'starting' | 'ready' | 'draining';

/** A running process of a cube, as gateway and control API find it. */
export interface InstanceEntry {
  readonly cube_id: string;
  readonly instance_id: string;
  /** Where it is reached, without a slash at the end. */
  readonly url: string;
  readonly version: string;
  readonly state: InstanceState;
  /** Milliseconds since 1970. */
  readonly started_at: number;
  /** Milliseconds since 1970 by the clock of Redis: machines whose clocks differ agree on who is alive. */
  readonly heartbeat_at: number;
}

/** Whether an instance of the registry is taken for one. */
export type InstanceFilter = (entry: InstanceEntry) => boolean;

export type NewInstance = Omit<InstanceEntry, 'heartbeat_at'>;

/** An instance whose last heartbeat is older does not count as running, milliseconds. */
export const heartbeatLimit = 5000;
/** After this its entry is removed. */
export const forgottenAfter = 60_000;

export interface Registration {
  /** Told to Redis at once when it can be, else with a later heartbeat; never throws. */
  setState(state: InstanceState): Promise<void>;
  /** Ends the heartbeats and takes the entry out, when Redis can be reached. */
  close(): Promise<void>;
}

export interface RegistrationOptions {
  /** What cube tokens are signed with, as it is now: entries are signed by a key made of it. */
  readonly secret: () => string;
  readonly everyMillis?: number;
}

/**
 * Enters an instance in the registry and keeps it there by heartbeats, each signed: while Redis is away it goes on trying, and a
 * registry that was flushed has it again after the next beat.
 */
export function registerInstance(
  redis: RedisConnection,
  instance: NewInstance,
  { secret, everyMillis = 1000 }: RegistrationOptions,
): Registration {
  const key = instancesKey(instance.cube_id);
  let { state } = instance;
  let last: Promise<void> = Promise.resolve();
  // One write after the other, so that an older state never lands on a newer one.
  const write = (command: () => Promise<unknown>): Promise<void> => {
    // A beat that failed is made good by the next one; the connection itself tells of its errors.
    last = last.then(command).then(
      () => undefined,
      () => undefined,
    );
    return last;
  };
  const beat = async () => {
    const entry = { ...instance, state, heartbeat_at: await redisTime(redis) };
    const signed = { ...entry, signature: signEntry(secret(), entry) };
    await redis.hset(key, instance.instance_id, JSON.stringify(signed));
  };
  const announced = async (command: () => Promise<unknown>) => {
    await write(command);
    await write(() => redis.publish(changedChannel, instance.cube_id));
  };
  void announced(beat);
  const timer = setInterval(() => void write(beat), everyMillis);
  timer.unref();
  return {
    setState(next) {
      state = next;
      return announced(beat);
    },
    close() {
      clearInterval(timer);
      return announced(() => redis.hdel(key, instance.instance_id));
    },
  };
}

/**
 * The instances of a cube that are alive, by instance id, of those that `admits` takes; removes those that have been dead for
 * a minute.
 */
export async function readInstances(
  redis: RedisConnection,
  cubeId: string,
  admits: InstanceFilter,
): Promise<readonly InstanceEntry[]> {
  return (await readRegistry(redis, cubeId, admits)).alive;
}

/** What stands in the registry for a cube. */
export interface Registry {
  readonly alive: readonly InstanceEntry[];
  /** Those whose heartbeats stopped without a word: one that went in good order took its entry out. */
  readonly silent: readonly InstanceEntry[];
}

/** As `readInstances`, with those that are silent for less than a minute. */
export async function readRegistry(redis: RedisConnection, cubeId: string, admits: InstanceFilter): Promise<Registry> {
  const key = instancesKey(cubeId);
  const [now, texts] = await Promise.all([redisTime(redis), redis.hgetall(key)]);
  const entries = Object.entries(texts).map(([id, text]) => ({ id, entry: parseEntry(text, cubeId, id) }));
  const age = (entry: InstanceEntry | undefined) => (entry === undefined ? Infinity : now - entry.heartbeat_at);
  const forgotten = entries.filter(({ entry }) => age(entry) > forgottenAfter).map(({ id }) => id);
  if (forgotten.length > 0) await redis.hdel(key, ...forgotten);
  const known = entries
    .flatMap(({ entry }) => (entry === undefined || age(entry) > forgottenAfter ? [] : [entry]))
    .filter(admits)
    .sort((a, b) => (a.instance_id < b.instance_id ? -1 : 1));
  const isAlive = (entry: InstanceEntry) => Math.abs(age(entry)) <= heartbeatLimit;
  return { alive: known.filter(isAlive), silent: known.filter((entry) => !isAlive(entry)) };
}

/** Milliseconds since 1970 by the clock of Redis. */
async function redisTime(redis: RedisConnection): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/**
 * The version of a cube that takes its traffic; null while any may. As the flags it is not signed: it chooses among instances
 * that are.
 */
export function readActiveVersion(redis: RedisConnection, cubeId: string): Promise<string | null> {
  return redis.get(activeVersionKey(cubeId));
}

export async function setActiveVersion(redis: RedisConnection, cubeId: string, version: string): Promise<void> {
  await redis.set(activeVersionKey(cubeId), version);
  await redis.publish(changedChannel, cubeId);
}

/** What another program, or another version of this one, wrote there may be anything. */
function parseEntry(text: string, cubeId: string, id: string): InstanceEntry | undefined {
  try {
    const entry: Partial<InstanceEntry> | null = JSON.parse(text);
    const right =
      typeof entry === 'object' &&
      entry !== null &&
      // One that stands in another's place is none, whoever signed it.
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

/** Anything else no connection can be made to, and whoever tried would fail for every request to the cube. */
function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
}
