import { lstat, realpath } from 'node:fs/promises';
import type pg from 'pg';
import { inParallel } from '../../base/in-parallel.js';
import { filePathProblem } from '../../domain/paperwork/file-path.js';
import { atSide, type Databases, dropConnection } from '../../postgres/databases.js';
import type { LegacyFolder } from '../../storage/inside-folder.js';
import { listInside } from '../../storage/list-inside.js';
import type { StepContext } from '../kind.js';

const filesAtOnce = 1000;
const rowsAtOnce = 5000;
const looksAtOnce = 16;

/**
 * Puts on record which files of legacy's folder no row of legacy's names, as of a verification: all of them, or none should it throw. The
 * listing streams, names are bytes. What is on record of the run's earlier verifications leaves.
 */
export async function recordFilesWithoutRows(
  migrationId: string,
  verificationId: string,
  { databases, assets, signal, reportProgress }: StepContext,
): Promise<void> {
  const folder = assets.storageFolder();
  const onPage = () => {
    signal.throwIfAborted();
    reportProgress({ listing: verificationId });
  };
  const client = await databases.connect('cube', `cubeshift listing ${migrationId}`);
  try {
    await atSide('cube', () => client.query('begin'));
    await atSide('cube', () =>
      client.query(
        `delete from paperwork.files_without_rows
          where verification_id in (select id from ledger.verifications where migration_id = $1)`,
        [migrationId],
      ),
    );
    const listing: Listing = { folder, databases, client, verificationId, onPage };
    const hasLinks = await recordUnnamed(listing);
    await forgetNamedOtherwise(listing, hasLinks);
    await atSide('cube', () => client.query('commit'));
  } finally {
    await dropConnection(client);
  }
}

interface Listing {
  readonly folder: LegacyFolder;
  readonly databases: Databases;
  readonly client: pg.Client;
  readonly verificationId: string;
  readonly onPage: () => void;
}

/** Records files whose path is that of no row. Returns whether there are links. */
async function recordUnnamed(listing: Listing): Promise<boolean> {
  let page: Buffer[] = [];
  let hasLinks = false;
  for await (const { path, kind } of listInside(listing.folder)) {
    if (kind === 'link') {
      hasLinks = true;
      continue;
    }
    page.push(path);
    if (page.length < filesAtOnce) continue;
    await recordPage(listing, page);
    page = [];
  }
  await recordPage(listing, page);
  return hasLinks;
}

async function recordPage({ folder, databases, client, verificationId, onPage }: Listing, files: readonly Buffer[]) {
  onPage();
  const texts = files.flatMap((path) => textOf(path) ?? []);
  const named = await atSide('legacy', () =>
    databases.legacy.query<{ path: string }>('select path from public.paperwork_files where path = any ($1::text[])', [
      texts,
    ]),
  );
  const known = new Set(named.rows.map(({ path }) => path));
  const unnamed = files.filter((path) => {
    const text = textOf(path);
    return text === undefined || !known.has(text);
  });
  const sizes = await inParallel(unnamed, looksAtOnce, (path) => sizeOf(folder, path));
  const found = unnamed.flatMap((path, place) => {
    const size = sizes[place];
    return size === undefined ? [] : [{ path, size }];
  });
  await atSide('cube', () =>
    client.query(
      `insert into paperwork.files_without_rows (verification_id, path, size)
       select $1, path, size from unnest($2::bytea[], $3::bigint[]) as listed (path, size)`,
      [verificationId, found.map(({ path }) => path), found.map(({ size }) => size)],
    ),
  );
}

/** A row may name a file by another path than the one under which it is listed: through a link, or with a dot or two slashes. */
async function forgetNamedOtherwise(
  { folder, databases, client, verificationId, onPage }: Listing,
  hasLinks: boolean,
): Promise<void> {
  const root = await realpath(folder.path, 'buffer');
  for (let after = '-9223372036854775808'; ; ) {
    onPage();
    const page = await atSide('legacy', () =>
      databases.legacy.query<{ id: string; path: string }>(
        'select id, path from public.paperwork_files where id > $1::bigint order by id limit $2',
        [after, rowsAtOnce],
      ),
    );
    const last = page.rows.at(-1);
    if (last === undefined) return;
    const odd = page.rows.filter(({ path }) => filePathProblem(path) === undefined && (hasLinks || isOdd(path)));
    const real = await inParallel(odd, looksAtOnce, ({ path }) => pathInside(root, path));
    const paths = real.flatMap((path, place) =>
      path === undefined || path.equals(Buffer.from(odd[place]?.path ?? '')) ? [] : [path],
    );
    if (paths.length > 0) {
      await atSide('cube', () =>
        client.query(
          'delete from paperwork.files_without_rows where verification_id = $1 and path = any ($2::bytea[])',
          [verificationId, paths],
        ),
      );
    }
    after = last.id;
  }
}

function isOdd(path: string): boolean {
  return path.split('/').some((name) => name === '' || name === '.');
}

/** Where a path leads, from the folder on; undefined where it leads to nothing, or out of it. */
async function pathInside(root: Buffer, path: string): Promise<Buffer | undefined> {
  const prefix = Buffer.concat([root, Buffer.from('/')]);
  const real = await realpath(Buffer.concat([prefix, Buffer.from(path)]), 'buffer').catch(() => undefined);
  return real?.subarray(0, prefix.length).equals(prefix) ? real.subarray(prefix.length) : undefined;
}

/** Undefined for bytes that are no text: no row can name them. */
function textOf(path: Buffer): string | undefined {
  const text = path.toString('utf8');
  return Buffer.from(text).equals(path) ? text : undefined;
}

/** Undefined for a file that is gone. */
async function sizeOf({ path: root }: LegacyFolder, path: Buffer): Promise<number | undefined> {
  const found = await lstat(Buffer.concat([Buffer.from(`${root}/`), path])).catch(() => undefined);
  return found?.size;
}
