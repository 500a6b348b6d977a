import type { Command } from 'commander';
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
  const blobs = program.command('blobs').description('remove contents of the store that nothing refers to');

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
