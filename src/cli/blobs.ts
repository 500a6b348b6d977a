import type { Command } from 'commander';
import type { MoveView } from '../domain/blob-move.js';
import type { SweepView } from '../domain/sweep.js';
import type { Connect, ControlClient } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output, table } from './output.js';

interface SweepOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `cubeshift blobs …`: the contents of the store. */
export function registerBlobCommands(program: Command, output: Output, connect: Connect): void {
  const blobs = program.command('blobs').description('what nothing refers to in the store, and where its contents lie');

  blobs
    .command('sweep')
    .description('remove what nothing refers to and is older than a day; never while a migration uses the store')
    .option('--dry-run', 'say what would be removed, and remove nothing')
    .option('--json', 'as JSON')
    .action((options: SweepOptions) =>
      conclude(async () => {
        const dryRun = options.dryRun ?? false;
        const swept = await sweepAll(connect(), dryRun);
        if (options.json) output.json(swept);
        else show(swept, output);
        return exitCodes.done;
      }),
    );

  blobs
    .command('move <to>')
    .description(
      'bring all contents to another folder or s3://BUCKET/PREFIX, each read back; never while a migration uses the store',
    )
    .option('--json', 'as JSON')
    .action((to: string, options: { readonly json?: boolean }) =>
      conclude(async () => {
        const moved = await moveAll(connect(), to, output);
        if (options.json) output.json({ ...moved, moved: isWhole(moved) });
        else showMoved(moved, output);
        return isWhole(moved) ? exitCodes.done : exitCodes.mismatch;
      }),
    );
}

/** One large content is copied and read back within a call. */
const moveMillis = 280_000;

type Moved = Omit<MoveView, 'next_cursor'>;

/** Calls until the end of the store. */
async function moveAll(client: ControlClient, to: string, output: Output): Promise<Moved> {
  let moved: Moved = { to, contents: 0, bytes: 0, already_there: 0, unmoved: 0, items: [], missing_there: null };
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const { next_cursor, ...page }: MoveView = await client.call('POST', '/v1/blobs/move', { to, cursor }, moveMillis);
    moved = {
      to,
      contents: moved.contents + page.contents,
      bytes: moved.bytes + page.bytes,
      already_there: moved.already_there + page.already_there,
      unmoved: moved.unmoved + page.unmoved,
      items: [...moved.items, ...page.items].slice(0, 100),
      missing_there: page.missing_there,
    };
    if (next_cursor !== null) output.talk(`${summaryOf(moved)}; going on`);
    cursor = next_cursor;
  }
  return moved;
}

function isWhole({ unmoved, missing_there }: Moved): boolean {
  return unmoved === 0 && missing_there === 0;
}

function summaryOf({ to, contents, bytes, already_there }: Moved): string {
  return `brought to ${to}: ${counted(contents, 'content')} of ${bytes} bytes; ${already_there} were there`;
}

function showMoved(moved: Moved, output: Output): void {
  const { to, items, unmoved, missing_there } = moved;
  if (items.length > 0)
    output.print(table([['SHA-256', 'IN THE STORE IT IS'], ...items.map(({ sha256, damage }) => [sha256, damage])]));
  if (unmoved > items.length) output.print(`… and ${unmoved - items.length} more`);
  output.print(summaryOf(moved));
  if (isWhole(moved)) {
    output.print(`all contents are at ${to}, each read back; the former store is as it was`);
    output.talk(`Set CUBE_STORAGE_URL=${to} for all programs and start them again before the next migration.`);
    return;
  }
  output.talk(
    `The store is not moved: ${counted(unmoved, 'content')} could not be brought, and ${to} lacks ${missing_there ?? 0} of those on record.`,
  );
  output.talk('The store is as it was, and is still the one in use.');
  output.talk(
    'Mend it with `cubeshift migrate verify ID` and `cubeshift migrate repair ID` of the migrations that stored them, then type the same again.',
  );
}

type Swept = Omit<SweepView, 'next_cursor'>;

/** Calls until the end of the store. */
async function sweepAll(client: ControlClient, dryRun: boolean): Promise<Swept> {
  let swept: Swept = { dry_run: dryRun, contents: 0, bytes: 0, temporary_files: 0, items: [] };
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const body = { dry_run: dryRun, cursor };
    const { next_cursor, ...page }: SweepView = await client.call('POST', '/v1/blobs/sweep', body);
    swept = {
      dry_run: dryRun,
      contents: swept.contents + page.contents,
      bytes: swept.bytes + page.bytes,
      temporary_files: swept.temporary_files + page.temporary_files,
      items: [...swept.items, ...page.items].slice(0, 100),
    };
    cursor = next_cursor;
  }
  return swept;
}

function show({ dry_run, contents, bytes, temporary_files, items }: Swept, output: Output): void {
  if (items.length > 0) {
    const rows = items.map(({ sha256, size, stored_at }) => [sha256, String(size), stored_at?.slice(0, 19) ?? '–']);
    output.print(table([['SHA-256', 'BYTES', 'STORED'], ...rows]));
    if (contents > items.length) output.print(`… and ${contents - items.length} more`);
  }
  const what = `${counted(contents, 'content')} of ${bytes} bytes and ${counted(temporary_files, 'temporary file')}`;
  output.print(dry_run ? `would be removed: ${what}` : `removed: ${what}`);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
