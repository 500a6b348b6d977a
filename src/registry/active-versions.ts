import type { RedisConnection } from '../redis/connection.js';
import { readDesired } from '../state/desired-cubes.js';
import { readActiveVersion, setActiveVersion } from './instances.js';

const everyMillis = 1000;

/**
 * Keeps the active versions in Redis equal to those of the state folder: after a flush of Redis every version would take
 * traffic, warm spares included. Skips cubes that were never deployed. Never throws; returns a function that stops it.
 */
export function restoreActiveVersions(stateFolder: string, redis: RedisConnection): () => void {
  let checking = false;
  const timer = setInterval(() => {
    if (checking) return;
    checking = true;
    const finish = () => {
      checking = false;
    };
    // While Redis or the disk is unavailable the next check restores them.
    void restoreOnce(stateFolder, redis).then(finish, finish);
  }, everyMillis);
  timer.unref();
  return () => clearInterval(timer);
}

async function restoreOnce(stateFolder: string, redis: RedisConnection): Promise<void> {
  const { cubes } = await readDesired(stateFolder);
  for (const [cubeId, { active }] of Object.entries(cubes))
    if ((await readActiveVersion(redis, cubeId)) !== active) await setActiveVersion(redis, cubeId, active);
}
