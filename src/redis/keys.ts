import type { TrafficName } from '../domain/cubes.js';
import type { Side } from '../domain/traffic/routing.js';

/** Names of what stands in Redis for one cube. The first two are the contract's and belong to everybody. */
export function flagKeys(name: TrafficName) {
  return {
    enabled: `${name}_cube_enabled`,
    percentage: `${name}_cube_user_percentage`,
    lists: `cubeshift:traffic:${name}:lists`,
    revision: `cubeshift:traffic:${name}:revision`,
    changed: `cubeshift:traffic:${name}:changed`,
  } as const;
}

/** Which revision of the flags a gateway goes by. */
export function flagsSeenKey(name: TrafficName, instanceId: string): string {
  return `cubeshift:traffic:${name}:seen:${instanceId}`;
}

/** Who met a failure on one side of a cube within the last hour. */
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
