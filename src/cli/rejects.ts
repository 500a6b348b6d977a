import { type Command, Option } from 'commander';
import { Failure } from '../base/failures.js';
import type { MigrationKind } from '../domain/catalog.js';
import type { MigrationView } from '../domain/migration/migration.js';
import { rejectResolutions } from '../domain/migration/reject-item.js';
import type { RejectSummary } from '../domain/migration/reject-summary.js';
import { type Connect, type ControlClient, migrationPath, readMigrationView } from './control-client.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { type FollowOptions, sendCommand } from './follow-migration.js';
import { nextLines } from './next-lines.js';
import { conclude, type Output } from './output.js';
import { type ExportFormat, exportFormats, exportRejects, formatOf } from './reject-export.js';
import { rejectListing, summaryListing } from './reject-listing.js';
import { firstRejects, type RejectQuery, readRejects } from './reject-pages.js';
import { wholeNumber } from './whole-number.js';

interface RejectOptions extends FollowOptions {
  readonly reason?: string;
  readonly id?: string;
  readonly table?: string;
  readonly resolution?: string;
  readonly limit?: number;
  readonly showContents?: boolean;
  readonly export?: string;
  readonly format?: ExportFormat;
  readonly overwrite?: boolean;
  readonly retry?: boolean;
  readonly accept?: boolean;
  /** Of the whole program: who types. */
  readonly by?: string;
  readonly why?: string;
}

/** How many rejects a person is shown. */
const shownAtOnce = 50;

export function registerRejectsCommand(migrate: Command, output: Output, connect: Connect): void {
  migrate
    .command('rejects <id>')
    .description('show the rejects by reason and one by one, export, retry or accept them')
    .option('--reason <reason>', 'only rejects with this reason')
    .option('--id <id>', 'only this reject: 5 of the main table, or other_table:5')
    .option('--table <table>', 'only rejects of this table of legacy')
    .addOption(new Option('--resolution <state>', 'only rejects in this state').choices(rejectResolutions))
    .option('--limit <count>', `how many are listed; ${shownAtOnce} unless --json is given`, wholeNumber(1))
    .option('--show-contents', 'show the rows as legacy has them')
    .option('--export <file>', 'write them all into a file, CSV or JSON lines, that you alone can read')
    .addOption(
      new Option('--format <format>', 'the format of the file; by default from its name').choices(exportFormats),
    )
    .option('--overwrite', 'replace the file if there is one')
    .option('--retry', 'retry all of them, or those of --reason, --table or --id')
    .option('--accept', 'accept all of them as they are, or those of --reason, --table or --id; needs --by and --why')
    .option('--why <text>', 'the reason, for the record')
    .option('--wait', 'return when the migration waits or ends')
    .option('--json', 'as JSON')
    .action((id: string, _: unknown, command: Command) =>
      conclude(() => {
        const options = command.optsWithGlobals<RejectOptions>();
        checkCombination(options);
        if (options.retry) return retry(connect(), id, options, output);
        if (options.accept) return accept(connect(), id, options, output);
        const client = options.showContents ? connect('with contents') : connect();
        return options.export === undefined
          ? list(client, id, options, output)
          : writeExport(client, id, options.export, options, output);
      }),
    );
}

async function retry(client: ControlClient, id: string, options: RejectOptions, output: Output): Promise<ExitCode> {
  const code = await sendCommand(client, id, 'rejects/retry', selectionOf(options) ?? {}, options, output);
  if (!options.wait) output.talk(`Once it is done, \`cubeshift migrate status ${id}\` says what went through.`);
  return code;
}

async function accept(client: ControlClient, id: string, options: RejectOptions, output: Output): Promise<ExitCode> {
  const { by, why } = options;
  if (by === undefined || why === undefined)
    throw new Failure('invalid_input', '--accept needs --by and --why.', {
      hint: 'Say who accepts the rejects, and why.',
    });
  const body = { ...(selectionOf(options) ?? { all: true }), by, why };
  return sendCommand(client, id, 'rejects/accept', body, options, output);
}

/** The body that names what the options select; undefined for all rejects. */
function selectionOf({ id, table, reason }: RejectOptions): object | undefined {
  if (id !== undefined) return { ids: [table === undefined || id.includes(':') ? id : `${table}:${id}`] };
  return table === undefined && reason === undefined ? undefined : { table, reason };
}

async function list(client: ControlClient, id: string, options: RejectOptions, output: Output): Promise<ExitCode> {
  const { kind, actions } = await readMigrationView(client, id);
  const summary = await readSummary(client, id);
  const max = options.limit ?? (options.json ? Number.POSITIVE_INFINITY : shownAtOnce);
  const { items, isAll } = await firstRejects(readRejects(client, id, queryOf(options), output), max);
  if (options.id !== undefined && items.length === 0)
    throw new Failure('not_found', `${options.id} is no reject of ${id} that fits.`, {
      hint: `List them with \`cubeshift migrate rejects ${id}\`.`,
    });
  const reasons = reasonsOf(summary, options, items);
  if (options.json) output.json({ summary: { ...summary, reasons }, items });
  else
    for (const line of describe(kind, id, { ...summary, reasons }, items, isAll, actions, output)) output.print(line);
  return exitCodes.done;
}

function describe(
  kind: MigrationKind,
  id: string,
  summary: RejectSummary,
  items: Parameters<typeof rejectListing>[1],
  isAll: boolean,
  actions: MigrationView['actions'],
  { columns }: Output,
): readonly string[] {
  const { open, accepted, moved, children, reasons } = summary;
  const followers = children === 0 ? '' : `; ${children} rows of child tables follow them`;
  const total = `${kind} ${id}: ${open} rejects open, ${accepted} accepted, ${moved} moved since${followers}`;
  if (reasons.length === 0) return [total];
  const [first] = reasons.filter((reason) => reason.open > 0);
  const next =
    first === undefined
      ? []
      : [
          {
            command: `cubeshift migrate rejects ${id} --reason ${first.reason} --export ${first.reason}.csv --show-contents`,
            what: 'write those of a reason into a file for the people who own the data',
          },
          // A run that has ended retries nothing.
          ...(actions.includes('rejects/retry')
            ? [
                {
                  command: `cubeshift migrate rejects ${id} --reason ${first.reason} --retry --wait`,
                  what: 'try them again once they are corrected in legacy',
                },
              ]
            : []),
        ];
  return [
    total,
    '',
    summaryListing(kind, reasons, columns),
    ...(items.length === 0 ? [] : ['', rejectListing(kind, items, columns)]),
    ...(isAll ? [] : [`There are more: --limit COUNT lists more of them, --export FILE writes all into a file.`]),
    ...nextLines(next),
  ];
}

async function writeExport(
  client: ControlClient,
  id: string,
  file: string,
  options: RejectOptions,
  output: Output,
): Promise<ExitCode> {
  const format = options.format ?? formatOf(file);
  reasonsOf(await readSummary(client, id), options);
  const rejects = readRejects(client, id, queryOf(options), output);
  const count = await exportRejects(rejects, file, { format, overwrite: options.overwrite === true });
  if (options.json) output.json({ file, format, rejects: count });
  else output.print(`${count} rejects were written to ${file}, which you alone can read.`);
  return exitCodes.done;
}

function readSummary(client: ControlClient, id: string): Promise<RejectSummary> {
  return client.call('GET', `${migrationPath(id)}/rejects/summary`);
}

/** The reasons that the options select, of a single reject its own; throws `not_found` where one is named that no reject has. */
function reasonsOf(
  { reasons }: RejectSummary,
  { id, table, reason }: RejectOptions,
  items: Parameters<typeof rejectListing>[1] = [],
): RejectSummary['reasons'] {
  if (id !== undefined)
    return reasons.filter((one) => items.some((item) => item.reason === one.reason && item.table === one.table));
  const found = reasons.filter(
    (one) => (reason === undefined || one.reason === reason) && (table === undefined || one.table === table),
  );
  if (found.length > 0 || reason === undefined) return found;
  const known = [...new Set(reasons.map((one) => one.reason))];
  throw new Failure('not_found', `There is no reject of the reason ${reason}.`, {
    hint: known.length === 0 ? 'There are no rejects.' : `Reasons here are ${known.join(', ')}.`,
  });
}

function queryOf({ id, table, reason, resolution }: RejectOptions): RejectQuery {
  return Object.fromEntries(
    Object.entries({ id, table, reason, resolution }).filter(([, value]) => value !== undefined),
  );
}

/** Throws `invalid_input` where options contradict each other: nothing is done by half. */
function checkCombination(options: RejectOptions): void {
  const { retry, accept, export: file, reason, id, resolution, showContents, limit, format, overwrite } = options;
  const clash = (wrong: boolean | undefined, sentence: string, hint: string) => {
    if (wrong) throw new Failure('invalid_input', sentence, { hint });
  };
  const changes = retry === true || accept === true;
  clash(retry && accept, '--retry and --accept exclude each other.', 'Retry first, then accept what is left.');
  clash(
    changes && (file !== undefined || showContents || limit !== undefined || resolution !== undefined),
    `${retry ? '--retry' : '--accept'} takes --reason, --table and --id, no options of listing.`,
    'List or export the rejects in a command of its own.',
  );
  clash(
    changes && id !== undefined && reason !== undefined,
    '--id and --reason exclude each other.',
    'Give one of them.',
  );
  clash(
    file === undefined && (format !== undefined || overwrite),
    '--format and --overwrite are for --export.',
    'Add --export FILE.',
  );
}
