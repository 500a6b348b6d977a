import type { CheckResult } from '../domain/check-result.js';
import { cubeIdOf, type TrafficName } from '../domain/cubes.js';
import { parseWriteCheck, writeCheckPath, writeCheckPermission } from '../domain/traffic/write-check.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceFilter, readActiveVersion, readInstances } from '../registry/instances.js';
import type { CubeCalls } from './cube-calls.js';

export interface WriteCheckSources {
  readonly redis: RedisConnection;
  /** Which instances of the registry are called. */
  readonly admits: InstanceFilter;
  readonly calls: CubeCalls;
}

/**
 * Whether every ready instance of a cube, of the version that takes the traffic, can write where its users' writes go: each
 * tries a write as its own role. Passes where none is ready: another check reports that. Throws `redis_unreachable`.
 */
export async function checkWrites(
  { redis, admits, calls }: WriteCheckSources,
  cube: TrafficName,
): Promise<CheckResult> {
  const cubeId = cubeIdOf(cube);
  const [instances, version] = await Promise.all([
    readInstances(redis, cubeId, admits),
    readActiveVersion(redis, cubeId),
  ]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  const called = instances.filter((one) => one.state === 'ready' && (version === null || one.version === version));
  const checks = called.map(async ({ instance_id, url }): Promise<CheckResult> => {
    const request = { method: 'POST', path: writeCheckPath, permission: writeCheckPermission } as const;
    const answer = await calls.call(url, request);
    if (answer === undefined) return { passed: false, sentence: `${instance_id} did not answer the write check` };
    const check = answer.status === 200 ? parseWriteCheck(answer.body) : undefined;
    if (check === undefined)
      return { passed: false, sentence: `${instance_id} answered the write check with ${answer.status}` };
    if (check.writable) return { passed: true };
    const why = (check.sentence ?? 'it gave no reason').replace(/\.$/, '');
    return { passed: false, sentence: `${instance_id} cannot write where its users' writes go: ${why}` };
  });
  return (await Promise.all(checks)).find(({ passed }) => !passed) ?? { passed: true };
}
