import type { TrafficName } from '../domain/cubes.js';
import type { Side } from '../domain/side.js';

/** Announces that something changed; a reader that receives it polls at once. Never the only way to learn it. */
export const changedChannel = 'cubeshift:changed';

/** The keys of one cube's flags. The first two are the contract's: any program may write them. */
export function flagKeys(name: TrafficName) {
  return {
    enabled: `${name}_cube_enabled`,
    percentage: `${name}_cube_user_percentage`,
    lists: `cubeshift:traffic:${name}:lists`,
    revision: `cubeshift:traffic:${name}:revision`,
    changed: `cubeshift:traffic:${name}:changed`,
  } as const;
}

/** The revision of the flags that a gateway uses. */
export function flagsSeenKey(name: TrafficName, instanceId: string): string {
  return `cubeshift:traffic:${name}:seen:${instanceId}`;
}

/** The users who met a failure on one side of a cube within the last hour. */
export function failedUsersKey(name: string, side: Side): string {
  return `cubeshift:traffic:${name}:failed:${side}`;
}

export function holdKey(name: TrafficName): string {
  return `cubeshift:hold:${name}`;
}

export function holdAcknowledgementsKey(holdId: string): string {
  return `cubeshift:hold-acks:${holdId}`;
}

export function stepFenceKey(holderId: string): string {
  return `cubeshift:turn:${holderId}`;
}

/** The instances of a cube, by instance id. */
export function instancesKey(cubeId: string): string {
  return `cubeshift:instances:${cubeId}`;
}

/** The version of a cube that takes its traffic. */
export function activeVersionKey(cubeId: string): string {
  return `cubeshift:version:${cubeId}`;
}

/** A token bucket that all processes share. */
export function rateKey(bucket: string): string {
  return `cubeshift:rate:${bucket}`;
}

/** Which secrets of cube tokens each program knows. */
export const secretReportsKey = 'cubeshift:known-secrets';

/** Since when Redis has known what the crawler's workers send. */
export const hostPaceEraKey = 'cubeshift:crawler:pace-era';

/** What is known of the requests to one host: when they arrived, the pace of each running job, and whether the host asked for a rest. */
export function hostPaceKeys(host: string) {
  return {
    arrivals: `cubeshift:crawler:pace:${host}:arrivals`,
    jobs: `cubeshift:crawler:pace:${host}:jobs`,
    rest: `cubeshift:crawler:pace:${host}:rest`,
  } as const;
}
