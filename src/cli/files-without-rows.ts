import type { Command } from 'commander';
import type { FileWithoutRow } from '../domain/paperwork/file-without-row.js';
import { type Connect, type ControlClient, migrationPath } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output, table } from './output.js';
import { wholeNumber } from './whole-number.js';

interface ListOptions {
  readonly limit?: number;
  readonly json?: boolean;
}

/** How many a person is shown. */
const shownAtOnce = 50;

interface Page {
  readonly items: readonly FileWithoutRow[];
  readonly next_cursor: string | null;
}

export function registerFilesWithoutRowsCommand(migrate: Command, output: Output, connect: Connect): void {
  migrate
    .command('files-without-rows <id>')
    .description("list files of legacy that no row names, as of the run's newest verification")
    .option('--limit <count>', `how many are listed; ${shownAtOnce} unless --json is given`, wholeNumber(1))
    .option('--json', 'as JSON, with paths as base64 of their bytes')
    .action((id: string, options: ListOptions) =>
      conclude(async () => {
        const max = options.limit ?? (options.json ? Number.POSITIVE_INFINITY : shownAtOnce);
        const { items, isWhole } = await firstFiles(connect(), id, max);
        if (options.json) output.json(items);
        else if (items.length === 0) output.talk('The newest verification found no file without a row.');
        else output.print(table([['BYTES', 'PATH'], ...items.map(fileRow)], output.columns));
        if (!isWhole && !options.json) output.talk(`There are more: --limit shows more than ${items.length}.`);
        return exitCodes.done;
      }),
    );
}

async function firstFiles(
  client: ControlClient,
  id: string,
  max: number,
): Promise<{ readonly items: readonly FileWithoutRow[]; readonly isWhole: boolean }> {
  const items: FileWithoutRow[] = [];
  for (let cursor: string | null = ''; items.length < max; ) {
    const limit = Math.min(1000, max - items.length);
    const query = `?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const page: Page = await client.call<Page>('GET', `${migrationPath(id)}/files-without-rows${query}`);
    items.push(...page.items);
    cursor = page.next_cursor;
    if (cursor === null) return { items, isWhole: true };
  }
  return { items, isWhole: false };
}

/** A name that is no text, or holds characters that move or turn others, is shown so that it cannot pass for another. */
function fileRow({ path_base64: base64, size }: FileWithoutRow): readonly string[] {
  const bytes = Buffer.from(base64, 'base64');
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) return [String(size), `base64:${base64}`];
  return [String(size), unseen.test(text) ? JSON.stringify(text).replaceAll(eachUnseen, escaped) : text];
}

const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const eachUnseen = new RegExp(unseen, 'gu');

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}
