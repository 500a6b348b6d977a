import type { RedisConnection } from '../redis/connection.js';
import { readDesired } from '../state/state-files.js';
import { readActiveVersion, setActiveVersion } from './instances.js';

const everyMillis = 1000;

/**
 * Keeps what Redis says about which version takes traffic to what is on record: a Redis that was flushed would let every
 * version have it, those that wait in reserve among them. Cubes that were never deployed are left alone. Never throws;
 * returns how to end it.
 */
export function keepActiveVersions(stateFolder: string, redis: RedisConnection): () => void {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    const looked = () => {
      looking = false;
    };
    // Redis or the disk may be away: the next look makes it good.
    void look(stateFolder, redis).then(looked, looked);
  }, everyMillis);
  timer.unref();
  return () => clearInterval(timer);
}

async function look(stateFolder: string, redis: RedisConnection): Promise<void> {
  const { cubes } = await readDesired(stateFolder);
  for (const [cubeId, { active }] of Object.entries(cubes))
    if ((await readActiveVersion(redis, cubeId)) !== active) await setActiveVersion(redis, cubeId, active);
}
