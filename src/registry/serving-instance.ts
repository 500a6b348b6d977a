import { Failure } from '../base/failures.js';
import type { CubeId } from '../domain/catalog.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceFilter, readActiveVersion, readInstances } from './instances.js';

/** Where an instance of the version that takes traffic is reached. Throws `upstream_unavailable` while none is ready. */
export async function servingUrl(redis: RedisConnection, cubeId: CubeId, admits: InstanceFilter): Promise<string> {
  const [active, instances] = await Promise.all([
    readActiveVersion(redis, cubeId),
    readInstances(redis, cubeId, admits),
  ]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  const ready = instances.filter(({ state, version }) => state === 'ready' && (active === null || version === active));
  const [first] = ready;
  if (first === undefined)
    throw new Failure('upstream_unavailable', `No instance of ${cubeId} is ready.`, {
      hint: `Bring the cube back (\`cubeshift cubes status ${cubeId}\` shows it); the run continues by itself.`,
    });
  return first.url;
}
