import type { TrafficName } from '../domain/cubes.js';
import type { StepFence } from '../domain/step-fence.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { fenceKeptSeconds } from '../redis/fencing.js';
import { flagKeys, stepFenceKey } from '../redis/keys.js';
import { changedChannel } from '../registry/instances.js';
import { type FlagTexts, readFlagTexts, type StoredFlags } from './flag-texts.js';

/** The last change made through us; one made by another program's plain SET is not in it. */
export interface FlagChange {
  readonly by: string;
  readonly why: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly enabled: boolean;
  readonly percentage: number | null;
  readonly revision: number;
  /** Who closed the cube; null while it is open, and where another program did. */
  readonly closedBy: string | null;
}

export interface FlagsRecord extends StoredFlags {
  /** How many changes were made through us. */
  readonly revision: number;
  readonly changed: FlagChange | null;
  /** Who closed the cube that is closed; null where nobody did through us. Changes of its weight leave it as it is. */
  readonly closedBy: string | null;
}

/** The flags of one cube as they stand in Redis now, all of one instant. Throws `redis_unreachable`. */
export async function readFlags(redis: RedisConnection, name: TrafficName): Promise<FlagsRecord> {
  const keys = flagKeys(name);
  const [enabled, percentage, lists, revision, changed] = await readTexts(redis, [
    keys.enabled,
    keys.percentage,
    keys.lists,
    keys.revision,
    keys.changed,
  ]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  const stored = readFlagTexts({ enabled: enabled ?? null, percentage: percentage ?? null, lists: lists ?? null });
  const change = readChange(changed ?? null);
  return {
    ...stored,
    revision: readRevision(revision),
    changed: change,
    closedBy: stored.enabled ? null : (change?.closedBy ?? null),
  };
}

/**
 * The texts of keys, all of one instant; a key of another type reads as the empty text, since a plain GET of it fails
 * too. Throws what the connection throws.
 */
export async function readTexts(redis: RedisConnection, keys: readonly string[]): Promise<readonly (string | null)[]> {
  const transaction = redis.multi();
  for (const key of keys) transaction.get(key);
  const answers = await transaction.exec();
  if (answers === null || answers.length !== keys.length) throw new Error('Redis gave the transaction up');
  return answers.map(([error, value]) => {
    if (error === null) return typeof value === 'string' ? value : null;
    if (error.message.startsWith('WRONGTYPE')) return '';
    throw error;
  });
}

/** What is to change; the rest stays. */
export interface FlagsChange {
  readonly enabled?: boolean;
  /** 0 to 100, whole: checked by whoever lets it in. */
  readonly percentage?: number;
  /** User ids; of a list that is not named, what can be read of it stays. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export interface ChangeTerms {
  readonly by: string;
  readonly why: string;
  /** The change is made only while the percentage is this. */
  readonly onlyIfPercentage?: number;
  /** The change is made only while this many were made through us: a step that comes late finds another number. */
  readonly onlyIfRevision?: number;
  /** The change is made only while the cube is open. */
  readonly onlyIfOpen?: true;
  /** The change is made only while the cube is closed, and by somebody whose name begins so. */
  readonly onlyIfClosedBy?: string;
  /** The change is made once, and not after a later fence of the same run. */
  readonly fence?: StepFence;
}

export type WriteAnswer =
  | { readonly revision: number; readonly before: StoredFlags; readonly after: StoredFlags }
  /** Something is otherwise than expected; nothing was changed. */
  | { readonly conflict: StoredFlags & { readonly revision: number; readonly closedBy: string | null } };

/**
 * Changes flags in one step of Redis, so that of two writers with the same expectation one wins. A percentage that
 * nobody can go by fits no expectation. Throws `redis_unreachable`; the change may then have been made.
 */
export async function writeFlags(
  redis: RedisConnection,
  name: TrafficName,
  change: FlagsChange,
  { by, why, onlyIfPercentage, onlyIfRevision, onlyIfOpen, onlyIfClosedBy, fence }: ChangeTerms,
): Promise<WriteAnswer> {
  const keys = flagKeys(name);
  const answer = await redis
    .eval(
      changeScript,
      fence === undefined ? 5 : 6,
      keys.enabled,
      keys.percentage,
      keys.lists,
      keys.revision,
      keys.changed,
      ...(fence === undefined ? [] : [stepFenceKey(fence.holderId)]),
      onlyIfPercentage === undefined ? '' : String(onlyIfPercentage),
      change.enabled === undefined ? '' : String(change.enabled),
      change.percentage === undefined ? '' : String(change.percentage),
      change.allow === undefined ? '' : JSON.stringify(change.allow),
      change.deny === undefined ? '' : JSON.stringify(change.deny),
      JSON.stringify({ by, why, at: new Date().toISOString() }).slice(0, -1),
      changedChannel,
      name,
      onlyIfRevision === undefined ? '' : String(onlyIfRevision),
      onlyIfOpen ? 'open' : '',
      onlyIfClosedBy ?? '',
      fence === undefined ? '' : String(fence.sequence),
      String(fenceKeptSeconds),
    )
    .catch((error: unknown) => {
      throw redisFailure(error);
    });
  const [made, revision, ...texts] = answer as readonly (string | number | null)[];
  const before = readFlagTexts(textsAt(texts, 0));
  return made === 1
    ? { revision: Number(revision), before, after: readFlagTexts(textsAt(texts, 3)) }
    : {
        conflict: {
          ...before,
          revision: readRevision(revision),
          closedBy: typeof texts[3] === 'string' ? texts[3] : null,
        },
      };
}

/** How often flags were changed through us: as often as a text says, never where it says nothing of the kind. */
export function readRevision(text: unknown): number {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function textsAt(texts: readonly unknown[], start: number): FlagTexts {
  const [enabled, percentage, lists] = texts
    .slice(start, start + 3)
    .map((text) => (typeof text === 'string' ? text : null));
  return { enabled: enabled ?? null, percentage: percentage ?? null, lists: lists ?? null };
}

/**
 * Keys: enabled, percentage, lists, revision, changed, and the fences of a run that counts them. Arguments: expected percentage, then the new enabled, percentage,
 * allow list and deny list (empty: leave it), who and why as JSON without its last brace, channel, name, expected
 * revision, `open` for a cube that must be, how the name of who closed it must begin, the fence and how long it is kept.
 * A fence is taken last, so that one is never taken of which nothing was done. Answers 1 for a change or 0 for a
 * conflict, the revision, the three texts before and, after a change, the three texts after; after a conflict who closed
 * the cube. A Redis that forbids PUBLISH makes the change all the same.
 */
const changeScript = `
local function text(key)
  if redis.call('EXISTS', key) == 0 then return false end
  local answer = redis.pcall('GET', key)
  if type(answer) == 'table' then return '' end
  return answer
end
local before = { text(KEYS[1]), text(KEYS[2]), text(KEYS[3]) }
local stands = text(KEYS[4])
local digits = string.match(stands or '', '^%d+$')
local said = digits and #digits <= 15 and tonumber(digits) or 0
local function record(text)
  local read, change = pcall(cjson.decode, text or '')
  return read and type(change) == 'table' and change or {}
end
local function closer()
  local last = record(text(KEYS[5]))
  if before[1] ~= 'false' or last.enabled ~= false then return false end
  -- Versions before this one wrote no name for it: then the last change was the closing one.
  local name = last.closed_by == nil and last.by or last.closed_by
  return type(name) == 'string' and name
end
local closed = closer()
local met = (ARGV[1] == '' or (before[2] or '0') == ARGV[1])
  and (ARGV[9] == '' or said == tonumber(ARGV[9]))
  and (ARGV[10] == '' or before[1] ~= 'false')
  and (ARGV[11] == '' or (closed and string.sub(closed, 1, #ARGV[11]) == ARGV[11]))
local function take()
  -- What cannot be kept must not undo what was done.
  if KEYS[6] then redis.pcall('SET', KEYS[6], ARGV[12], 'EX', ARGV[13]) end
end
local noted = KEYS[6] and redis.pcall('GET', KEYS[6])
local last = type(noted) == 'string' and tonumber(noted)
if last and last >= tonumber(ARGV[12]) then return { 0, stands, before[1], before[2], before[3], closed } end
if not met then
  take()
  return { 0, stands, before[1], before[2], before[3], closed }
end
for place = 1, 2 do
  if ARGV[place + 1] ~= '' then redis.call('SET', KEYS[place], ARGV[place + 1]) end
end
if ARGV[4] ~= '' or ARGV[5] ~= '' then
  local read, lists = pcall(cjson.decode, before[3] or '')
  -- An empty table would be written as an object.
  local function list(given, name)
    if given ~= '' then return given end
    local known = read and type(lists) == 'table' and lists[name]
    return type(known) == 'table' and #known > 0 and cjson.encode(known) or '[]'
  end
  redis.call('SET', KEYS[3], '{"allow":' .. list(ARGV[4], 'allow') .. ',"deny":' .. list(ARGV[5], 'deny') .. '}')
end
local counted = redis.pcall('INCR', KEYS[4])
if type(counted) == 'table' then
  redis.call('SET', KEYS[4], '1')
  counted = 1
end
local after = { text(KEYS[1]), text(KEYS[2]), text(KEYS[3]) }
local percentage = string.match(after[2] or '0', '^%d+$') or 'null'
if ARGV[2] == 'false' then closed = record(ARGV[6] .. '}').by end
local name = after[1] == 'false' and type(closed) == 'string' and cjson.encode(closed) or 'null'
local told = ',"enabled":' .. tostring(after[1] ~= 'false') .. ',"percentage":' .. percentage .. ',"revision":' .. counted
redis.call('SET', KEYS[5], ARGV[6] .. told .. ',"closed_by":' .. name .. '}')
take()
redis.pcall('PUBLISH', ARGV[7], ARGV[8])
return { 1, counted, before[1], before[2], before[3], after[1], after[2], after[3] }
`;

function readChange(text: string | null): FlagChange | null {
  if (text === null) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { by, why, at, enabled, percentage, revision, closed_by: closedBy = by } = parsed as Record<string, unknown>;
    return typeof by === 'string' && typeof why === 'string' && typeof at === 'string' && typeof revision === 'number'
      ? {
          by,
          why,
          at,
          enabled: enabled === true,
          percentage: typeof percentage === 'number' ? percentage : null,
          revision,
          closedBy: enabled !== true && typeof closedBy === 'string' ? closedBy : null,
        }
      : null;
  } catch {
    return null;
  }
}
