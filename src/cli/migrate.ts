import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { MigrationList } from '../api/migrations.js';
import type { RejectPage } from '../api/rejects.js';
import { Failure, isFailureType } from '../base/failures.js';
import { migrationKinds } from '../domain/catalog.js';
import { endedStatuses, type MigrationAction, type MigrationView } from '../domain/migration/migration.js';
import { type Connect, type ControlClient, migrationPath, readMigrationView } from './control-client.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { failureLines } from './failure-lines.js';
import { awaitInterruptibly } from './interrupt.js';
import { followEvents } from './migration-events.js';
import { conclude, type Output, table } from './output.js';
import { isConfirmed } from './question.js';
import { differenceLine, rejectListing } from './reject-listing.js';

interface OutputOptions {
  readonly wait?: boolean;
  readonly json?: boolean;
}

interface SteeringVerb {
  readonly word: Exclude<MigrationAction, 'rejects/retry' | 'rejects/accept'>;
  readonly text: string;
  readonly flag?: string;
  readonly hidden?: boolean;
  /** The question at a terminal before an action that cannot be undone. */
  readonly question?: (id: string) => string;
}

const steeringVerbs: readonly SteeringVerb[] = [
  { word: 'verify', text: 'read both databases again, every row and every field, and compare them' },
  { word: 'repair', text: 'move again what differs, then verify' },
  { word: 'pause', text: 'stop moving rows until `resume`; nothing is undone' },
  { word: 'resume', text: 'continue after a pause, or once the cause of a block is fixed' },
  { word: 'cancel', text: 'end the migration; its rows stay, and the next migration of the kind adopts them' },
  { word: 'cutover', text: 'make the cube the owner; not available in mode copy', flag: '--dry-run', hidden: true },
  {
    word: 'rollback',
    text: 'remove every row that migrations of the kind put into the cube, and no others',
    flag: '--rehearse',
  },
  {
    word: 'complete',
    text: 'accept the migration: it can no longer be rolled back',
    question: (id) =>
      `Completing ${id} is final: it can never be rolled back, and its kind cannot be migrated to the same target again.`,
  },
];

/** `cubeshift migrate …`: the control API, a word a call. */
export function registerMigrateCommands(program: Command, output: Output, connect: Connect): void {
  const migrate = program.command('migrate').description('start, watch and control migrations');

  migrate
    .command('start <kind>')
    .description(`start a migration of a kind: ${migrationKinds.join(', ')}`)
    .option('--id <id>', 'its id; a second start with the same id is the same run')
    .addOption(new Option('--mode <mode>', 'how it moves').choices(['copy']).default('copy'))
    .option('--option <name=value...>', 'a setting, as in --option lanes=4')
    .option('--wait', 'return when it waits or ends')
    .option('--json', 'as JSON')
    .action((kind: string, options: OutputOptions & { id?: string; mode: string; option?: string[] }) =>
      conclude(async () => {
        const client = connect();
        const body = {
          id: options.id,
          mode: options.mode,
          options: parseOptions(options.option ?? []),
        };
        const started = await client.call<MigrationView>('POST', `/v1/migrations/${encodeURIComponent(kind)}`, body);
        return show(client, started, options, output);
      }),
    );

  migrate
    .command('list')
    .description('list every migration with its status')
    .option('--json', 'as JSON')
    .action((options: OutputOptions) =>
      conclude(async () => {
        const { items } = await connect().call<MigrationList>('GET', '/v1/migrations');
        if (options.json) output.json(items);
        else
          output.print(
            table([
              ['ID', 'KIND', 'STAGE', 'STATUS', 'MIGRATED', 'REJECTED'],
              ...items.map((one) => [
                one.id,
                one.kind,
                one.stage,
                one.status,
                String(one.progress.migrated),
                String(one.progress.rejected),
              ]),
            ]),
          );
        return exitCodes.done;
      }),
    );

  migrate
    .command('status <id>')
    .description('show the status of a migration, the reason, and the actions that fit')
    .option('--json', 'as JSON')
    .action((id: string, options: OutputOptions) =>
      conclude(async () => {
        const view = await readMigrationView(connect(), id);
        if (options.json) output.json(view);
        else output.print(describe(view));
        return exitCodeOf(view);
      }),
    );

  migrate
    .command('events <id>')
    .description('print each of its events as it happens, until it ends')
    .option('--json', 'as JSON, a line an event')
    .action((id: string, options: OutputOptions) =>
      conclude(async () => {
        const client = connect();
        const stillRuns = `${id} continues. Follow it again with \`cubeshift migrate events ${id}\`.`;
        return awaitInterruptibly(stillRuns, output, () => printEvents(client, id, options, output));
      }),
    );

  migrate
    .command('watch <id>')
    .description('follow it until it waits or ends')
    .option('--json', 'as JSON')
    .action((id: string, options: OutputOptions) =>
      conclude(async () => {
        const client = connect();
        return show(client, await readMigrationView(client, id), { ...options, wait: true }, output);
      }),
    );

  for (const { word, text, flag, hidden = false, question } of steeringVerbs) {
    const command = migrate
      .command(`${word} <id>`, { hidden })
      .description(text)
      .option('--wait', 'return when it waits or ends')
      .option('--json', 'as JSON');
    // Of mode live, which does not exist yet.
    if (flag !== undefined) command.addOption(new Option(flag, 'only show what it would do').hideHelp());
    if (question !== undefined) command.option('--yes', 'do it without a question');
    command.action((id: string, options: OutputOptions & { dryRun?: boolean; rehearse?: boolean; yes?: boolean }) =>
      conclude(async () => {
        if (options.dryRun || options.rehearse)
          throw new Failure('not_at_this_stage', `${flag} is not available in mode copy.`, { hint: 'Leave it out.' });
        if (question !== undefined && !options.yes && !(await isConfirmed(question(id), output))) {
          output.talk('nothing was done');
          return exitCodes.failed;
        }
        return sendCommand(connect(), id, word, undefined, options, output);
      }),
    );
  }

  migrate
    .command('rejects <id>')
    .description('list the rejects, retry them, or accept them')
    .option('--retry', 'retry all of them')
    .option('--accept', 'accept all of them as they are; needs --by and --why')
    .option('--by <name>', 'who accepts')
    .option('--why <text>', 'why')
    .option('--wait', 'return when the migration waits or ends')
    .option('--json', 'as JSON')
    .action((id: string, options: OutputOptions & { retry?: boolean; accept?: boolean; by?: string; why?: string }) =>
      conclude(async () => {
        const client = connect();
        if (options.retry) return sendCommand(client, id, 'rejects/retry', {}, options, output);
        if (options.accept) {
          if (options.by === undefined || options.why === undefined)
            throw new Failure('invalid_input', '--accept needs --by and --why.', {
              hint: 'Say who accepts the rejects, and why.',
            });
          return sendCommand(
            client,
            id,
            'rejects/accept',
            { all: true, by: options.by, why: options.why },
            options,
            output,
          );
        }
        return listRejects(client, id, options, output);
      }),
    );

  migrate
    .command('report <id>')
    .description('print the signed evidence report')
    .action((id: string) =>
      conclude(async () => {
        output.json(await connect().call('GET', `/v1/migrations/${encodeURIComponent(id)}/report`));
        return exitCodes.done;
      }),
    );
}

async function sendCommand(
  client: ControlClient,
  id: string,
  action: MigrationAction,
  body: unknown,
  options: OutputOptions,
  output: Output,
): Promise<ExitCode> {
  const view = await client.call<MigrationView>('POST', `/v1/migrations/${encodeURIComponent(id)}/${action}`, body);
  return show(client, view, options, output);
}

async function show(
  client: ControlClient,
  first: MigrationView,
  options: OutputOptions,
  output: Output,
): Promise<ExitCode> {
  const stillRuns = `${first.id} continues. Watch it with \`cubeshift migrate watch ${first.id}\`, stop it with \`cubeshift migrate pause ${first.id}\`.`;
  return awaitInterruptibly(stillRuns, output, () => followUntilRest(client, first, options, output));
}

async function followUntilRest(
  client: ControlClient,
  first: MigrationView,
  options: OutputOptions,
  output: Output,
): Promise<ExitCode> {
  let view = first;
  let shown = '';
  while (options.wait && view.status === 'running') {
    const line = progressLine(view);
    if (line !== shown) output.talk(line);
    shown = line;
    await sleep(pollMillis);
    view = await client.readWithRetries<MigrationView>(migrationPath(view.id), output);
  }
  if (options.json) output.json(view);
  else output.print(describe(view));
  return options.wait ? exitCodeOf(view) : exitCodes.done;
}

const pollMillis = 500;

async function printEvents(
  client: ControlClient,
  id: string,
  { json }: OutputOptions,
  output: Output,
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done;
  for await (const { name, view } of followEvents(client, id, output)) {
    if (json) output.line({ event: name, ...view });
    else output.print(`${new Date().toISOString()} ${name.padEnd(8)} ${view.status}, ${progressLine(view)}`);
    code = exitCodeOf(view);
  }
  return code;
}

async function listRejects(
  client: ControlClient,
  id: string,
  options: OutputOptions,
  output: Output,
): Promise<ExitCode> {
  const items: RejectPage['items'] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '?limit=1000' : `?limit=1000&cursor=${cursor}`;
    const page: RejectPage = await client.call<RejectPage>(
      'GET',
      `/v1/migrations/${encodeURIComponent(id)}/rejects${query}`,
    );
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  if (options.json) output.json(items);
  else output.print(rejectListing((await readMigrationView(client, id)).kind, items));
  return exitCodes.done;
}

function exitCodeOf(view: MigrationView): ExitCode {
  if (view.verification.status === 'mismatch' && view.status === 'blocked') return exitCodes.mismatch;
  return view.status === 'blocked' || view.status === 'failed' ? exitCodes.failed : exitCodes.done;
}

function describe(view: MigrationView): string {
  const lines = [
    `${view.kind} ${view.id}: ${view.status} at ${view.stage}`,
    progressLine(view),
    `verification ${view.verification.status}, ${view.verification.compared} rows compared`,
    ...(view.error === null ? [] : failureLines(failureOfView(view.error))),
    ...view.verification.mismatches.slice(0, 10).map((one) => differenceLine(view.kind, one)),
    endedStatuses.has(view.status) ? '' : `possible now: ${view.actions.join(', ')}`,
  ];
  return lines.filter((line) => line !== '').join('\n');
}

/** What stopped a run, as of any failure of its type. */
function failureOfView({ type, message, hint }: NonNullable<MigrationView['error']>): Failure {
  return new Failure(isFailureType(type) ? type : 'unexpected', message, { hint });
}

function progressLine({ stage, progress }: MigrationView): string {
  const { migrated, rejected, total, total_estimated, verified, rate_per_second, eta_seconds } = progress;
  const expected = `${total_estimated ? 'about ' : ''}${total}`;
  const pace =
    rate_per_second > 0 ? `, ${rate_per_second} rows/s${eta_seconds === null ? '' : `, ${eta_seconds} s left`}` : '';
  return `${stage}: ${migrated} moved, ${rejected} rejected of ${expected}, ${verified} verified${pace}`;
}

function parseOptions(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      if (name === '' || value === '')
        throw new Failure('invalid_input', 'A setting is written --option name=value.', {
          hint: 'As in --option lanes=4.',
        });
      if (value === 'null') return [name, null];
      return [name, /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value];
    }),
  );
}
