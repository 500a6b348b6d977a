import type { RedisConnection } from '../../src/redis/connection.js';
import {
  type InstanceEntry,
  type NewInstance,
  type Registration,
  readInstances as read,
  registerInstance as register,
} from '../../src/registry/instances.js';
import { testSecret } from './engine.js';

/** The registry as tests look at it, whoever signed what stands there. */
export function readInstances(redis: RedisConnection, cubeId: string): Promise<readonly InstanceEntry[]> {
  return read(redis, cubeId, () => true);
}

/** Enters an instance that programs with `secret` know. */
export function registerInstance(
  redis: RedisConnection,
  instance: NewInstance,
  { secret = testSecret, everyMillis }: { secret?: string; everyMillis?: number } = {},
): Registration {
  return register(redis, instance, { secret: () => secret, ...(everyMillis === undefined ? {} : { everyMillis }) });
}
