import type { TrafficName } from '../domain/cubes.js';
import type { StepFence } from '../domain/step-fence.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { flagKeys } from '../redis/keys.js';
import { changeFlagsAtomically } from '../redis/scripts/change-flags.js';
import { readFlagTexts, type StoredFlags } from './flag-texts.js';

/** The last change by `writeFlags`; a plain SET of another program does not appear here. */
export interface FlagChange {
  readonly by: string;
  readonly why: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly enabled: boolean;
  readonly percentage: number | null;
  readonly revision: number;
  /** Who closed the cube; null while it is open, and after a plain SET of another program. */
  readonly closedBy: string | null;
}

export interface FlagsRecord extends StoredFlags {
  /** The number of changes by `writeFlags`. */
  readonly revision: number;
  readonly changed: FlagChange | null;
  /** Who closed the closed cube; null where `writeFlags` did not. A change of the weight leaves it. */
  readonly closedBy: string | null;
}

/** The flags of one cube in Redis, all of one instant. Throws `redis_unreachable`. */
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

/** The last change by `writeFlags`, as long as no other program has changed weight or opening since; else null. */
export function currentChange({ enabled, percentage, changed }: FlagsRecord): FlagChange | null {
  return changed !== null && changed.percentage === percentage && changed.enabled === enabled ? changed : null;
}

/**
 * The texts of keys, all of one instant; a key of another type reads as the empty text, since a plain GET of it fails
 * too. Throws the error of the connection.
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

/** The values to change; the others stay. */
export interface FlagsChange {
  readonly enabled?: boolean;
  /** A whole number from 0 to 100: the caller checks it. */
  readonly percentage?: number;
  /** User ids; a list that is left out keeps its readable entries. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export interface ChangeConditions {
  readonly by: string;
  readonly why: string;
  /** The change is made only while the percentage is this. */
  readonly onlyIfPercentage?: number;
  /** The change is made only at this revision: a late step finds another one. */
  readonly onlyIfRevision?: number;
  /** The change is made only while the cube is open. */
  readonly onlyIfOpen?: true;
  /** The change is made only while the cube is closed by a name with this prefix. */
  readonly onlyIfClosedBy?: string;
  /** The change is made once, and not after a later step of the same run. */
  readonly fence?: StepFence;
}

export type FlagsWriteResult =
  | { readonly revision: number; readonly before: StoredFlags; readonly after: StoredFlags }
  /** A condition does not hold; nothing was changed. */
  | { readonly conflict: StoredFlags & { readonly revision: number; readonly closedBy: string | null } };

/**
 * Changes flags atomically: of two writers with the same condition one wins. An invalid percentage meets no condition. Throws
 * `redis_unreachable`; the change may then have been made.
 */
export async function writeFlags(
  redis: RedisConnection,
  name: TrafficName,
  change: FlagsChange,
  { by, why, onlyIfPercentage, onlyIfRevision, onlyIfOpen, onlyIfClosedBy, fence }: ChangeConditions,
): Promise<FlagsWriteResult> {
  const answer = await changeFlagsAtomically(
    redis,
    name,
    {
      enabled: change.enabled,
      percentage: change.percentage,
      allow: change.allow,
      deny: change.deny,
      by,
      why,
      onlyIfPercentage,
      onlyIfRevision,
      onlyIfOpen: onlyIfOpen ?? false,
      onlyIfClosedBy,
    },
    fence,
  );
  const before = storedFlagsOf(answer.before);
  return answer.outcome === 'changed'
    ? { revision: answer.revision, before, after: storedFlagsOf(answer.after) }
    : { conflict: { ...before, revision: readRevision(answer.revision), closedBy: answer.closedBy } };
}

/** The revision that a text holds; 0 for any other text. */
export function readRevision(text: unknown): number {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function storedFlagsOf([enabled, percentage, lists]: readonly [
  string | null,
  string | null,
  string | null,
]): StoredFlags {
  return readFlagTexts({ enabled, percentage, lists });
}

function readChange(text: string | null): FlagChange | null {
  if (text === null) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { by, why, at, enabled, percentage, revision, closed_by: closedBy } = parsed as Record<string, unknown>;
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
