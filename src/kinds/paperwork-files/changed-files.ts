import { lstat } from 'node:fs';
import { join } from 'node:path';
import { inParallel } from '../../base/in-parallel.js';
import type { Span } from '../../domain/migration/range-comparison.js';
import { atSide } from '../../postgres/databases.js';
import { type LegacyFolder, statInside } from '../../storage/inside-folder.js';
import { type StatText, statTextOf } from '../../storage/stat-text.js';
import type { ContentLook } from '../contents/row-contents.js';

const rowsAtOnce = 5000;
const looksAtOnce = 64;

interface MovedFile {
  readonly id: string;
  readonly path: string;
  readonly file_stat: StatText | null;
}

/** Ids of a span whose files are no longer what they were when their rows were moved. Nothing is read but what the file system says of them. */
export async function changedFiles(
  { after, upto }: Span,
  { databases, assets, reportProgress }: ContentLook,
): Promise<readonly bigint[]> {
  const folder = assets.storageFolder();
  const changed: bigint[] = [];
  for (let from = after; ; ) {
    const page = await atSide('cube', () =>
      databases.cube.query<MovedFile>(
        `select id, path, file_stat from paperwork.files where id > $1::bigint and id <= $2::bigint order by id limit $3`,
        [from.toString(), upto.toString(), rowsAtOnce],
      ),
    );
    const last = page.rows.at(-1);
    if (last === undefined) return changed;
    const same = await inParallel(page.rows, looksAtOnce, (file) => isUnchanged(folder, file));
    for (const [place, { id }] of page.rows.entries()) if (same[place] !== true) changed.push(BigInt(id));
    reportProgress();
    from = BigInt(last.id);
  }
}

/** A link is followed as the engine opens it, and so is a path that leads to nothing: the folder itself may be away. */
async function isUnchanged(folder: LegacyFolder, { path, file_stat: known }: MovedFile): Promise<boolean> {
  return (await statOf(join(folder.path, path))) === known || (await statInside(folder, path)) === known;
}

/** Undefined where nothing is. Without a promise of its own for each call that `fs/promises` makes. */
function statOf(file: string): Promise<StatText | undefined> {
  return new Promise((resolve) => {
    lstat(file, { bigint: true }, (error, found) => {
      if (error !== null) return resolve(undefined);
      resolve(statTextOf(found));
    });
  });
}
