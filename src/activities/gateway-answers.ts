import { Context } from '@temporalio/activity';
import { Failure } from '../base/failures.js';
import type { TrafficName } from '../domain/cubes.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceFilter, readInstances } from '../registry/instances.js';
import { gatewaysBehind } from '../traffic/flags-revision.js';
import { readAcknowledgements } from '../traffic/holds.js';

/** The acknowledgements of gateways for a change that each of them must have applied before a plan continues. */

const answerMillis = 2000;
const pollMillis = 20;
const gatewayCube = 'api-gateway-cube';

/**
 * Waits until every gateway that is there holds. Throws `step_stalled` when one does not say so in time: the step is tried
 * again.
 */
export async function untilAcknowledged(redis: RedisConnection, known: InstanceFilter, holdId: string): Promise<void> {
  const missing = await untilNone(async () => {
    const gateways = await gatewayIds(redis, known);
    const said = await readAcknowledgements(redis, holdId);
    return gateways.filter((id) => !said.has(id));
  });
  if (missing !== 0)
    throw new Failure('step_stalled', `${missing ?? 'Some'} gateways did not acknowledge the hold in time.`);
}

/**
 * Waits until every gateway that is there goes by the flags of this revision, or time is up; how many then do not, and
 * null where Redis was too slow to answer.
 */
export function untilSeen(
  redis: RedisConnection,
  known: InstanceFilter,
  name: TrafficName,
  revision: number,
): Promise<number | null> {
  return untilNone(async () => gatewaysBehind(redis, name, await gatewayIds(redis, known), revision));
}

async function untilNone(read: () => Promise<readonly string[]>): Promise<number | null> {
  const timeIsUp = Context.current()
    .sleep(answerMillis)
    .then(() => 'time_is_up' as const);
  // There may be no awaiting caller when the activity is cancelled.
  timeIsUp.catch(() => undefined);
  let last: number | null = null;
  for (;;) {
    const reading = read();
    const missing = await Promise.race([reading, timeIsUp]);
    if (missing === 'time_is_up') {
      reading.catch(() => undefined);
      return last;
    }
    if (missing.length === 0) return 0;
    last = missing.length;
    await Promise.race([Context.current().sleep(pollMillis), timeIsUp]);
  }
}

/** One that drains is among them: it has requests under way, and takes new ones on connections that are open. */
async function gatewayIds(redis: RedisConnection, known: InstanceFilter): Promise<readonly string[]> {
  // The engine does not call them: the plan waits for every known gateway, whatever address it gives.
  const gateways = await readInstances(redis, gatewayCube, known).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return gateways.map(({ instance_id: id }) => id);
}
