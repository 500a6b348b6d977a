import { Failure } from '../../base/failures.js';
import type { TableRule } from '../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../postgres/connect.js';
import { atSide } from '../../postgres/databases.js';
import { type LegacyFolder, openInside } from '../../storage/inside-folder.js';
import type { StepContext } from '../kind.js';

/** Where legacy's rows name the files of a folder. */
export interface NamedFiles {
  readonly source: TableRule;
  /** The column that holds the path of a row's file. */
  readonly column: string;
  /** Why a path can name no file, whatever lies there. */
  readonly problemOf: (path: string) => string | undefined;
}

const lookedAtEachEnd = 50;
/** Of fewer files all may truly be missing: each row is then judged by itself. */
const minMissing = 5;

/**
 * Throws `legacy_files_unreachable` for a folder that rows name files of and that is not there, is empty, may not be read, or holds none
 * of the files that the first and the last rows name: it is another folder, or what lies under one that is not mounted. Otherwise every
 * row would become a reject, and a pass would take the rows that were moved out of the cube. Where databases are looked at, in preflight,
 * the folder need not be mounted: it is looked at by the steps that read files.
 */
export async function checkFolder(
  folder: LegacyFolder,
  files: NamedFiles,
  { databases }: Pick<StepContext, 'databases'>,
): Promise<void> {
  const { schema, table } = files.source;
  const [key, column] = [quoteIdentifier(files.source.key), quoteIdentifier(files.column)];
  const atEnd = (order: 'asc' | 'desc') =>
    `(select ${key}, ${column} as path from ${quoteIdentifier(schema, table)} order by ${key} ${order} limit ${lookedAtEachEnd})`;
  const found = await atSide('legacy', () =>
    databases.legacy.query<{ path: string }>(
      `select path from (${atEnd('asc')} union ${atEnd('desc')}) as named where path is not null`,
    ),
  );
  let missing = 0;
  for (const { path } of found.rows) {
    if (files.problemOf(path) !== undefined) continue;
    const opened = await openInside(folder, path);
    if (!('kind' in opened)) await opened.handle.close();
    if (!('kind' in opened) || opened.kind !== 'missing') return;
    missing++;
  }
  if (missing < minMissing) return;
  throw new Failure(
    'legacy_files_unreachable',
    `The folder ${folder.path} of ${folder.variable} holds none of the files that ${missing} rows of ${table} name.`,
  );
}
