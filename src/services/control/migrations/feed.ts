import { isDeepStrictEqual } from 'node:util';
import type { MigrationView } from '../../../domain/migration/migration.js';

/** Notifies streams when the migration that they follow has changed. */
export interface MigrationFeed {
  /** Calls `onChange` with each view that differs from the one before it, `seen` first; returns how to stop. */
  watch(seen: MigrationView, onChange: (view: MigrationView) => void): () => void;
}

interface Watcher {
  seen: MigrationView;
  readonly onChange: (view: MigrationView) => void;
}

const pollMillis = 400;

/**
 * Reads the watched migrations every 400 ms, all of them in one query, however many streams follow them; nothing while no
 * stream does. A read that fails is repeated at the next turn.
 */
export function createMigrationFeed(
  read: (ids: readonly string[]) => Promise<readonly MigrationView[]>,
): MigrationFeed {
  const watchers = new Set<Watcher>();
  let isPolling = false;
  const poll = async () => {
    const ids = [...new Set([...watchers].map(({ seen }) => seen.id))];
    const views = await read(ids).catch(() => []);
    for (const watcher of watchers) {
      const view = views.find(({ id }) => id === watcher.seen.id);
      if (view === undefined || isDeepStrictEqual(view, watcher.seen)) continue;
      watcher.seen = view;
      watcher.onChange(view);
    }
  };
  const pollWhileWatched = async () => {
    isPolling = true;
    while (watchers.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, pollMillis));
      if (watchers.size > 0) await poll();
    }
    isPolling = false;
  };
  return {
    watch: (seen, onChange) => {
      const watcher = { seen, onChange };
      watchers.add(watcher);
      if (!isPolling) void pollWhileWatched();
      return () => {
        watchers.delete(watcher);
      };
    },
  };
}
