import type { TrafficName } from '../domain/cubes.js';
import { readText, replaceText } from '../state/text-files.js';
import { absentTexts, type FlagTexts, usableTexts } from './flag-texts.js';

export type FlagSnapshot = ReadonlyMap<TrafficName, FlagTexts>;

/**
 * The last valid flags that a process saved on disk; undefined without a file. Throws for a file that is damaged or cannot be
 * read; a single invalid value counts as absent.
 */
export async function readFlagSnapshot(file: string, names: readonly TrafficName[]): Promise<FlagSnapshot | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  const kept = asRecord(asRecord(JSON.parse(text)).flags);
  return new Map(names.map((name) => [name, usableTexts(textsOf(kept[name]), absentTexts)]));
}

/** Replaces the file atomically: a reader, or a process that starts after a crash, finds the old file or the new one. */
export async function writeFlagSnapshot(file: string, snapshot: FlagSnapshot): Promise<void> {
  // The lists name users: it is readable by its owner only.
  await replaceText(file, JSON.stringify({ flags: Object.fromEntries(snapshot) }));
}

function textsOf(value: unknown): FlagTexts {
  if (value === undefined) return absentTexts;
  const { enabled, percentage, lists } = asRecord(value);
  return { enabled: textOrNull(enabled), percentage: textOrNull(percentage), lists: textOrNull(lists) };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('The snapshot is damaged');
  return value as Record<string, unknown>;
}
