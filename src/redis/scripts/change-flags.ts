import type { TrafficName } from '../../domain/cubes.js';
import type { StepFence } from '../../domain/step-fence.js';
import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { changedChannel, flagKeys, stepFenceKey } from '../keys.js';
import { fenceKeptSeconds } from './advance-fence.js';
import { evaluate } from './evaluate.js';

/**
 * Without a fence there is no sixth key. An empty argument leaves a value as it is, or sets no condition. `changeStart` is the
 * JSON of who and why, without its last brace. The script records the step last, so that no step is on record whose change
 * was not made. A Redis that forbids PUBLISH makes the change all the same.
 */
const script = `
local enabledKey, percentageKey, listsKey, revisionKey, changedKey, fenceKey =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local onlyIfPercentage, enabled, percentage, allow, deny = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local changeStart, channel, name = ARGV[6], ARGV[7], ARGV[8]
local onlyIfRevision, onlyIfOpen, onlyIfClosedBy = ARGV[9], ARGV[10], ARGV[11]
local sequence, fenceKeptSeconds = ARGV[12], ARGV[13]

local function text(key)
  if redis.call('EXISTS', key) == 0 then return false end
  local answer = redis.pcall('GET', key)
  if type(answer) == 'table' then return '' end
  return answer
end
local before = { text(enabledKey), text(percentageKey), text(listsKey) }
local revisionText = text(revisionKey)
local digits = string.match(revisionText or '', '^%d+$')
local revision = digits and #digits <= 15 and tonumber(digits) or 0
local function record(json)
  local read, change = pcall(cjson.decode, json or '')
  return read and type(change) == 'table' and change or {}
end
local function findCloser()
  local last = record(text(changedKey))
  if before[1] ~= 'false' or last.enabled ~= false then return false end
  return type(last.closed_by) == 'string' and last.closed_by
end
local closedBy = findCloser()
local function conflict()
  return { 'conflict', revisionText, before[1], before[2], before[3], closedBy }
end
local function recordStep()
  -- A fence that cannot be written must not undo the change.
  if fenceKey then redis.pcall('SET', fenceKey, sequence, 'EX', fenceKeptSeconds) end
end
local fenceText = fenceKey and redis.pcall('GET', fenceKey)
local lastStep = type(fenceText) == 'string' and tonumber(fenceText)
if lastStep and lastStep >= tonumber(sequence) then return conflict() end
local met = (onlyIfPercentage == '' or (before[2] or '0') == onlyIfPercentage)
  and (onlyIfRevision == '' or revision == tonumber(onlyIfRevision))
  and (onlyIfOpen == '' or before[1] ~= 'false')
  and (onlyIfClosedBy == '' or (closedBy and string.sub(closedBy, 1, #onlyIfClosedBy) == onlyIfClosedBy))
if not met then
  recordStep()
  return conflict()
end
if enabled ~= '' then redis.call('SET', enabledKey, enabled) end
if percentage ~= '' then redis.call('SET', percentageKey, percentage) end
if allow ~= '' or deny ~= '' then
  local read, lists = pcall(cjson.decode, before[3] or '')
  -- An empty table would be written as an object.
  local function list(given, part)
    if given ~= '' then return given end
    local known = read and type(lists) == 'table' and lists[part]
    return type(known) == 'table' and #known > 0 and cjson.encode(known) or '[]'
  end
  redis.call('SET', listsKey, '{"allow":' .. list(allow, 'allow') .. ',"deny":' .. list(deny, 'deny') .. '}')
end
local nextRevision = redis.pcall('INCR', revisionKey)
if type(nextRevision) == 'table' then
  redis.call('SET', revisionKey, '1')
  nextRevision = 1
end
local after = { text(enabledKey), text(percentageKey), text(listsKey) }
local percentageNow = string.match(after[2] or '0', '^%d+$') or 'null'
if enabled == 'false' then closedBy = record(changeStart .. '}').by end
local closer = after[1] == 'false' and type(closedBy) == 'string' and cjson.encode(closedBy) or 'null'
redis.call('SET', changedKey, changeStart
  .. ',"enabled":' .. tostring(after[1] ~= 'false')
  .. ',"percentage":' .. percentageNow
  .. ',"revision":' .. nextRevision
  .. ',"closed_by":' .. closer .. '}')
recordStep()
redis.pcall('PUBLISH', channel, name)
return { 'changed', nextRevision, before[1], before[2], before[3], after[1], after[2], after[3] }
`;

type Text = string | null;
type Texts = readonly [enabled: Text, percentage: Text, lists: Text];

/** The new values, and the conditions under which they apply; undefined leaves a value, or sets no condition. */
export interface AtomicFlagsChange {
  readonly enabled: boolean | undefined;
  readonly percentage: number | undefined;
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[] | undefined;
  readonly by: string;
  readonly why: string;
  readonly onlyIfPercentage: number | undefined;
  readonly onlyIfRevision: number | undefined;
  readonly onlyIfOpen: boolean;
  readonly onlyIfClosedBy: string | undefined;
}

/** The texts of the keys as they are before and after; `revision` of a conflict is what its key holds, whatever that is. */
export type AtomicFlagsAnswer =
  | { readonly outcome: 'changed'; readonly revision: number; readonly before: Texts; readonly after: Texts }
  | { readonly outcome: 'conflict'; readonly revision: Text; readonly before: Texts; readonly closedBy: Text };

/** Changes the flags of a cube if the conditions hold and no later step is on record. Throws `redis_unreachable`; the change may then have been made. */
export async function changeFlagsAtomically(
  redis: RedisConnection,
  name: TrafficName,
  change: AtomicFlagsChange,
  fence: StepFence | undefined,
): Promise<AtomicFlagsAnswer> {
  const { enabled, percentage, lists, revision, changed } = flagKeys(name);
  const keys: string[] = [enabled, percentage, lists, revision, changed];
  if (fence !== undefined) keys.push(stepFenceKey(fence.holderId));
  const args = [
    textOf(change.onlyIfPercentage),
    textOf(change.enabled),
    textOf(change.percentage),
    jsonOf(change.allow),
    jsonOf(change.deny),
    JSON.stringify({ by: change.by, why: change.why, at: new Date().toISOString() }).slice(0, -1),
    changedChannel,
    name,
    textOf(change.onlyIfRevision),
    change.onlyIfOpen ? 'open' : '',
    change.onlyIfClosedBy ?? '',
    textOf(fence?.sequence),
    String(fenceKeptSeconds),
  ];
  const answer = await evaluate(redis, script, keys, args).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return readAnswer(answer as ScriptAnswer);
}

type ScriptAnswer =
  | readonly [outcome: 'changed', revision: number, ...before: Texts, ...after: Texts]
  | readonly [outcome: 'conflict', revision: Text, ...before: Texts, closedBy: Text];

function readAnswer(answer: ScriptAnswer): AtomicFlagsAnswer {
  const [outcome, revision, enabled, percentage, lists, ...rest] = answer;
  const before: Texts = [enabled, percentage, lists];
  return outcome === 'changed'
    ? { outcome, revision: Number(revision), before, after: [rest[0] ?? null, rest[1] ?? null, rest[2] ?? null] }
    : { outcome, revision: typeof revision === 'string' ? revision : null, before, closedBy: rest[0] ?? null };
}

function textOf(value: boolean | number | undefined): string {
  return value === undefined ? '' : String(value);
}

function jsonOf(value: readonly string[] | undefined): string {
  return value === undefined ? '' : JSON.stringify(value);
}
