import type pg from 'pg';
import { atSide } from '../postgres/databases.js';
import type { BlobStore, PartRecords, Sha256 } from './blob-store.js';

/** The parts of one content of an owner, in the cube database. */
export function partRecords(cube: pg.Pool, owner: string, name: string): PartRecords {
  return {
    list: async () => {
      const found = await atSide('cube', () =>
        cube.query<{ part: number; source: string; sha256: Sha256; size: number }>(
          'select part, source, sha256, size::float8 as size from storage.parts where owner = $1 and name = $2 order by part',
          [owner, name],
        ),
      );
      // A gap cannot be read over.
      return found.rows.filter(({ part }, index) => part === index);
    },
    add: async (part, { sha256, size }, source) => {
      await atSide('cube', () =>
        cube.query(
          // An attempt that was replaced may have put its own part there: whoever reads it compares its sum.
          `insert into storage.parts (owner, name, part, source, sha256, size) values ($1, $2, $3, $4, $5, $6)
           on conflict (owner, name, part) do update set source = excluded.source, sha256 = excluded.sha256, size = excluded.size`,
          [owner, name, part, source, sha256, size],
        ),
      );
    },
    forget: async () => {
      await atSide('cube', () => cube.query('delete from storage.parts where owner = $1 and name = $2', [owner, name]));
    },
  };
}

/** Removes the parts of every content of an owner, from the store and from the records. */
export async function forgetPartsOf(cube: pg.Pool, store: BlobStore, owner: string): Promise<void> {
  await store.discardPartsOf(owner);
  await atSide('cube', () => cube.query('delete from storage.parts where owner = $1', [owner]));
}
