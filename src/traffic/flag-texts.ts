import { type Flags, readPercentage, type UserBytes } from '../domain/traffic/routing.js';
import { bytesOfText } from './bucket.js';

/** The keys of one cube as Redis holds them; null for an absent key, the empty text for a key of another type. */
export interface FlagTexts {
  readonly enabled: string | null;
  readonly percentage: string | null;
  readonly lists: string | null;
}

/** The keys before anything was set. */
export const absentTexts: FlagTexts = { enabled: null, percentage: null, lists: null };

/** The users of the two lists, in clear text. */
export interface UserLists {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** The parsed keys; null for an invalid value. */
export interface StoredFlags {
  /** Exactly `false` closes; anything else leaves open. */
  readonly enabled: boolean;
  readonly percentage: number | null;
  readonly lists: UserLists | null;
}

/** Parses any texts; never throws. */
export function readFlagTexts({ enabled, percentage, lists }: FlagTexts): StoredFlags {
  const read = readPercentage(percentage);
  return { enabled: enabled !== 'false', percentage: read.ok ? read.value : null, lists: readLists(lists) };
}

/** The texts to use: the new ones, and the `last` valid one in place of each invalid one. */
export function usableTexts(texts: FlagTexts, last: FlagTexts): FlagTexts {
  const { percentage, lists } = readFlagTexts(texts);
  return {
    enabled: texts.enabled,
    percentage: percentage === null ? last.percentage : texts.percentage,
    lists: lists === null ? last.lists : texts.lists,
  };
}

/** The flags of valid texts. */
export function flagsOfTexts(valid: FlagTexts): Flags {
  const { enabled, percentage, lists } = readFlagTexts(valid);
  return {
    enabled,
    percentage: percentage ?? 0,
    allow: asBytes(lists?.allow ?? []),
    deny: asBytes(lists?.deny ?? []),
  };
}

export function sameTexts(one: FlagTexts, other: FlagTexts): boolean {
  return one.enabled === other.enabled && one.percentage === other.percentage && one.lists === other.lists;
}

function readLists(text: string | null): UserLists | null {
  if (text === null) return { allow: [], deny: [] };
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { allow = [], deny = [] } = parsed as { allow?: unknown; deny?: unknown };
    return isTexts(allow) && isTexts(deny) ? { allow, deny } : null;
  } catch {
    return null;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function asBytes(users: readonly string[]): ReadonlySet<UserBytes> {
  return new Set(users.map(bytesOfText));
}
