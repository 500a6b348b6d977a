import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { hostPaceEraKey, hostPaceKeys } from '../keys.js';
import { evaluate } from './evaluate.js';
import { eraInLua } from './pace-era.js';

/**
 * A request that has not arrived yet is known by the latest time at which it may: it counts as long as that lies ahead. What is waited for is the earliest time at
 * which the rule may permit the request, as if those under way arrived now.
 */
const script = `
local eraKey, arrivalsKey, jobsKey, restKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local server, knownEra, settleMillis = ARGV[1], ARGV[2], tonumber(ARGV[3])
local windowMillis, latestMillis = tonumber(ARGV[4]), tonumber(ARGV[5])
local jobId, requests, delayMillis, jobMillis = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
local requestId = ARGV[10]
${eraInLua}
redis.call('HSET', jobsKey, jobId, requests .. ' ' .. delayMillis .. ' ' .. string.format('%.3f', time + jobMillis))
redis.call('PEXPIRE', jobsKey, jobMillis)
if knownEra ~= era then return { 'forgotten', 0, era } end
local unsettled = tonumber(era) + settleMillis - time
if unsettled > 0 then return { 'unsettled', math.ceil(unsettled), era } end
local rest = redis.call('PTTL', restKey)
if rest > 0 then return { 'rest', rest, era } end

local maxRequests, longestDelay = tonumber(requests), tonumber(delayMillis)
local jobs = redis.call('HGETALL', jobsKey)
for at = 1, #jobs, 2 do
  local rate, delay, untilTime = string.match(jobs[at + 1], '^(%S+) (%S+) (%S+)$')
  if tonumber(untilTime) < time then
    redis.call('HDEL', jobsKey, jobs[at])
  else
    maxRequests = math.min(maxRequests, tonumber(rate))
    longestDelay = math.max(longestDelay, tonumber(delay))
  end
end

local keptMillis = math.max(windowMillis, longestDelay)
redis.call('ZREMRANGEBYSCORE', arrivalsKey, '-inf', string.format('%.3f', time - keptMillis))
local function arrivedAt(place)
  local found = redis.call('ZREVRANGE', arrivalsKey, place, place, 'WITHSCORES')
  return found[2] and math.min(tonumber(found[2]), time)
end
local wait = 0
local last, first = arrivedAt(0), arrivedAt(maxRequests - 1)
if last then wait = math.max(wait, last + longestDelay - time) end
if first then wait = math.max(wait, first + windowMillis - time) end
if wait > 0 then return { 'pace', math.ceil(wait), era } end
redis.call('ZADD', arrivalsKey, string.format('%.3f', time + latestMillis), requestId)
redis.call('PEXPIRE', arrivalsKey, math.ceil(keptMillis + latestMillis))
return { 'granted', 0, era }
`;

/** The pace of one job, at one host. */
export interface JobPace {
  readonly jobId: string;
  /** In every sliding window. */
  readonly requests: number;
  readonly delayMillis: number;
}

/** What holds for all jobs and hosts. Milliseconds throughout. */
export interface PaceTimes {
  /** Length of the sliding window that a rate is counted in. */
  readonly window: number;
  /** After which time a request has arrived, or will never. */
  readonly latestArrival: number;
  /** How long a job's pace holds after its last request, or its last look whether it may send one. */
  readonly job: number;
  /** How long no request is permitted after Redis lost what it knew, so that every worker tells what it sent. */
  readonly settle: number;
}

/** The start of the server, and the era, that the caller knows. */
export interface KnownEra {
  readonly server: string;
  readonly era: string;
}

export interface ReservationAnswer {
  /**
   * `granted`: the request counts from now on. Otherwise it does not, and the caller comes again after `waitMillis`: `pace` holds it back, or a `rest` that the
   * host asked for, or Redis is `unsettled`; `forgotten`: the caller tells what it sent, then comes again.
   */
  readonly outcome: 'granted' | 'pace' | 'rest' | 'unsettled' | 'forgotten';
  readonly waitMillis: number;
  readonly era: string;
}

/**
 * Reserves a request to a host, by the strictest rate and longest delay of the jobs that run there, and by the clock of Redis: one step, however many workers
 * call it. Throws `redis_unreachable`; the request may then count.
 */
export async function reserveRequest(
  redis: RedisConnection,
  host: string,
  requestId: string,
  { jobId, requests, delayMillis }: JobPace,
  times: PaceTimes,
  known: KnownEra,
): Promise<ReservationAnswer> {
  const { arrivals, jobs, rest } = hostPaceKeys(host);
  const args = [known.server, known.era, times.settle, times.window, times.latestArrival];
  const job = [jobId, requests, delayMillis, times.job, requestId];
  const keys = [hostPaceEraKey, arrivals, jobs, rest];
  const answer = await evaluate(redis, script, keys, [...args, ...job]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  const [outcome, waitMillis, era] = answer as [ReservationAnswer['outcome'], number, string];
  return { outcome, waitMillis, era };
}
