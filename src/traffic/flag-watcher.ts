import { once } from 'node:events';
import type { TrafficName } from '../domain/cubes.js';
import { type Flags, initialFlags } from '../domain/traffic/routing.js';
import type { RedisConnection } from '../redis/connection.js';
import { flagKeys } from '../redis/keys.js';
import { createPoller, subscribeToChanges } from '../registry/polling.js';
import { type Alarms, createAlarms } from './alarms.js';
import { type FlagSnapshot, readFlagSnapshot, writeFlagSnapshot } from './flag-snapshot.js';
import { absentTexts, type FlagTexts, flagsOfTexts, readFlagTexts, sameTexts, usableTexts } from './flag-texts.js';
import { readRevision, readTexts } from './flags.js';
import { reportEveryMillis, reportFlagsRevision } from './flags-revision.js';
import { createKillSwitch } from './kill-switch.js';

export interface FlagWatcherOptions {
  readonly redis: RedisConnection;
  readonly names: readonly TrafficName[];
  /** The id under which this gateway reports the revision that it uses. */
  readonly instanceId: string;
  /** File that keeps the last valid flags for a start without Redis. */
  readonly snapshotFile: string;
  /** A file in this folder with the name of a cube, or `all`, sends all users to legacy. */
  readonly killSwitchFolder: string;
  /** At most 500: a change must take effect within a second. */
  readonly everyMillis?: number;
  /** Called once for each new problem. */
  readonly onAlarm: (sentence: string) => void;
  readonly clock: () => Date;
}

export interface WatcherState {
  /** The source of the flags in use. */
  readonly source: 'redis' | 'disk' | 'default';
  /** Milliseconds since the last successful read of Redis, or since the start. */
  readonly staleForMillis: number;
  /** The current problems, one sentence each; empty without any. */
  readonly alarms: readonly string[];
}

export interface FlagWatcher {
  /** Returns when there are flags to use: after about two seconds at most, whatever Redis does. */
  start(): Promise<void>;
  /** The flags in use; never waits. The same object until they change. */
  flagsOf(name: TrafficName): Flags;
  killed(name: TrafficName): boolean;
  state(): WatcherState;
  close(): Promise<void>;
}

/**
 * Follows the flags in Redis. While Redis is away, or a value is invalid, the last valid ones stay in use. A start without
 * Redis uses those on disk; without these all users go to legacy.
 */
export function createFlagWatcher(options: FlagWatcherOptions): FlagWatcher {
  const { redis, names, instanceId, snapshotFile, killSwitchFolder, everyMillis = 400, onAlarm, clock } = options;
  const alarms = createAlarms(onAlarm);
  const killSwitch = createKillSwitch(killSwitchFolder, everyMillis, alarms);
  const valid = new Map<TrafficName, FlagTexts>();
  const flags = new Map<TrafficName, Flags>();
  const reported = new Map<TrafficName, { readonly revision: number; readonly at: number }>();
  let source: WatcherState['source'] = 'default';
  let readAt = clock().getTime();
  let saveDue = false;
  let saving = false;

  const apply = (snapshot: FlagSnapshot) => {
    for (const [name, texts] of snapshot) {
      const last = valid.get(name);
      if (last !== undefined && sameTexts(last, texts)) continue;
      valid.set(name, texts);
      flags.set(name, flagsOfTexts(texts));
      saveDue = true;
    }
  };

  // Apart from polling: a disk that hangs must not delay changes of the flags.
  const save = async () => {
    if (!saveDue || saving) return;
    saving = true;
    saveDue = false;
    try {
      await writeFlagSnapshot(snapshotFile, new Map(valid));
      alarms.set('snapshot', null);
    } catch {
      saveDue = true;
      alarms.set('snapshot', 'The flags cannot be kept on disk; a start without Redis would not know them.');
    } finally {
      saving = false;
    }
  };

  // Apart from polling, too; the next poll repeats a report that failed.
  const reportRevisions = async (revisions: ReadonlyMap<TrafficName, number>) => {
    const at = clock().getTime();
    for (const [name, revision] of revisions) {
      const last = reported.get(name);
      if (last?.revision === revision && at - last.at < reportEveryMillis) continue;
      reported.set(name, { revision, at });
      await reportFlagsRevision(redis, name, instanceId, revision).catch(() => reported.delete(name));
    }
  };

  const poll = async () => {
    try {
      const { stored, revisions } = await readAll(redis, names);
      alarms.set('redis', null);
      warnOfBadValues(stored, alarms);
      apply(new Map([...stored].map(([name, texts]) => [name, usableTexts(texts, valid.get(name) ?? absentTexts)])));
      source = 'redis';
      readAt = clock().getTime();
      void reportRevisions(revisions);
    } catch {
      alarms.set('redis', 'The flags cannot be read from Redis; the last known ones stay in use.');
      return;
    }
    void save();
  };

  const polling = createPoller({ poll, everyMillis });
  let stopListening = () => {};
  return {
    start: async () => {
      try {
        const kept = await readFlagSnapshot(snapshotFile, names);
        if (kept !== undefined) {
          apply(kept);
          saveDue = false;
          source = 'disk';
        }
      } catch {
        alarms.set('snapshot', 'The flags kept on disk cannot be read.');
      }
      await Promise.all([killSwitch.start(), connected(redis)]);
      await polling.start();
      redis.on('ready', polling.pollNow);
      stopListening = subscribeToChanges(redis, polling.pollNow);
    },
    flagsOf: (name) => flags.get(name) ?? initialFlags,
    killed: killSwitch.killed,
    state: () => ({ source, staleForMillis: clock().getTime() - readAt, alarms: alarms.list() }),
    close: async () => {
      redis.off('ready', polling.pollNow);
      stopListening();
      await Promise.all([polling.close(), killSwitch.close()]);
    },
  };
}

const connectMillis = 1000;

/** Waits a moment for a new connection. */
async function connected(redis: RedisConnection): Promise<void> {
  if (redis.status === 'ready') return;
  await once(redis, 'ready', { signal: AbortSignal.timeout(connectMillis) }).catch(() => undefined);
}

interface Stored {
  readonly stored: FlagSnapshot;
  readonly revisions: ReadonlyMap<TrafficName, number>;
}

async function readAll(redis: RedisConnection, names: readonly TrafficName[]): Promise<Stored> {
  const parts = ['enabled', 'percentage', 'lists', 'revision'] as const;
  const texts = await readTexts(
    redis,
    names.flatMap((name) => parts.map((part) => flagKeys(name)[part])),
  );
  const at = (index: number) => texts[index] ?? null;
  const starts = names.map((name, index) => [name, index * parts.length] as const);
  return {
    stored: new Map(
      starts.map(([name, start]) => [name, { enabled: at(start), percentage: at(start + 1), lists: at(start + 2) }]),
    ),
    revisions: new Map(starts.map(([name, start]) => [name, readRevision(at(start + 3))])),
  };
}

/** The sentence names the key and never repeats its value: any program may have written anything there. */
function warnOfBadValues(stored: FlagSnapshot, alarms: Alarms): void {
  for (const [name, texts] of stored) {
    const { percentage, lists } = readFlagTexts(texts);
    const keys = flagKeys(name);
    alarms.set(
      keys.percentage,
      percentage === null ? `${keys.percentage} is not a whole number from 0 to 100; the last good one stays.` : null,
    );
    alarms.set(
      keys.lists,
      lists === null ? `${keys.lists} is not {"allow":[…],"deny":[…]} of texts; the last good ones stay.` : null,
    );
  }
}
