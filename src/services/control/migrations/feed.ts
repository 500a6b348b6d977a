import { isDeepStrictEqual } from 'node:util';
import type { MigrationView } from '../../../domain/migration/migration.js';

/** Tells streams when the migration that they follow has changed. */
export interface MigrationFeed {
  /** Calls `onChange` with each view that differs from the one before it, `seen` first; returns how to stop. */
  watch(seen: MigrationView, onChange: (view: MigrationView) => void): () => void;
}

interface Watcher {
  seen: MigrationView;
  readonly onChange: (view: MigrationView) => void;
}

const lookMillis = 400;

/**
 * Reads the watched migrations every 400 ms, all of them in one look, however many streams follow them; nothing while no
 * stream does. A look that fails is repeated at the next turn.
 */
export function createMigrationFeed(
  read: (ids: readonly string[]) => Promise<readonly MigrationView[]>,
): MigrationFeed {
  const watchers = new Set<Watcher>();
  let isLooking = false;
  const look = async () => {
    const ids = [...new Set([...watchers].map(({ seen }) => seen.id))];
    const views = await read(ids).catch(() => []);
    for (const watcher of watchers) {
      const view = views.find(({ id }) => id === watcher.seen.id);
      if (view === undefined || isDeepStrictEqual(view, watcher.seen)) continue;
      watcher.seen = view;
      watcher.onChange(view);
    }
  };
  const lookWhileWatched = async () => {
    isLooking = true;
    while (watchers.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, lookMillis));
      if (watchers.size > 0) await look();
    }
    isLooking = false;
  };
  return {
    watch: (seen, onChange) => {
      const watcher = { seen, onChange };
      watchers.add(watcher);
      if (!isLooking) void lookWhileWatched();
      return () => {
        watchers.delete(watcher);
      };
    },
  };
}
