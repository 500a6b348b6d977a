import { type Command, Option } from 'commander';
import type { MigrationList } from '../api/migrations.js';
import { Failure } from '../base/failures.js';
import { nearWord } from '../base/near-word.js';
import { migrationKinds } from '../domain/catalog.js';
import type { MigrationAction, MigrationView } from '../domain/migration/migration.js';
import { isMigrationId } from '../domain/migration/migration.js';
import { actionTexts } from '../domain/migration/next-commands.js';
import { optionNames } from '../domain/migration/options.js';
import { type Connect, migrationPath, readMigrationView } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { registerFilesWithoutRowsCommand } from './files-without-rows.js';
import { describe, exitCodeOf, type FollowOptions, printEvents, sendCommand, show } from './follow-migration.js';
import { awaitInterruptibly } from './interrupt.js';
import { conclude, type Output, table } from './output.js';
import { isConfirmed } from './question.js';
import { registerRejectsCommand } from './rejects.js';
import { showTemporalPage } from './temporal-page.js';

interface SteeringVerb {
  readonly word: Exclude<MigrationAction, 'rejects/retry' | 'rejects/accept'>;
  readonly flag?: string;
  readonly hidden?: boolean;
  /** The question at a terminal before an action that cannot be undone. */
  readonly question?: (id: string) => string;
}

const steeringVerbs: readonly SteeringVerb[] = [
  { word: 'verify' },
  { word: 'repair' },
  { word: 'pause' },
  { word: 'resume' },
  { word: 'cancel' },
  { word: 'cutover', flag: '--dry-run', hidden: true },
  { word: 'rollback', flag: '--rehearse' },
  {
    word: 'complete',
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
    .action((kind: string, options: FollowOptions & { id?: string; mode: string; option?: string[] }) =>
      conclude(async () => {
        if (options.id !== undefined && !isMigrationId(options.id))
          throw new Failure('invalid_input', `No migration can have the id ${JSON.stringify(options.id)}.`, {
            hint: 'An id is up to 63 small letters, digits and hyphens, and begins with a letter or digit, as in --id first.',
          });
        const client = connect();
        const body = {
          id: options.id,
          mode: options.mode,
          options: parseOptions(options.option ?? []),
        };
        const started = await client.call<MigrationView>('POST', `/v1/migrations/${encodeURIComponent(kind)}`, body);
        showTemporalPage(started, output);
        return show(client, started, options, output);
      }),
    );

  migrate
    .command('list')
    .description('list every migration with its status')
    .option('--json', 'as JSON')
    .action((options: FollowOptions) =>
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
    .action((id: string, options: FollowOptions) =>
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
    .action((id: string, options: FollowOptions) =>
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
    .action((id: string, options: FollowOptions) =>
      conclude(async () => {
        const client = connect();
        return show(client, await readMigrationView(client, id), { ...options, wait: true }, output);
      }),
    );

  for (const { word, flag, hidden = false, question } of steeringVerbs) {
    const command = migrate
      .command(`${word} <id>`, { hidden })
      .description(actionTexts[word])
      .option('--wait', 'return when it waits or ends')
      .option('--json', 'as JSON');
    // Of mode live, which does not exist yet.
    if (flag !== undefined) command.addOption(new Option(flag, 'only show what it would do').hideHelp());
    if (question !== undefined) command.option('--yes', 'do it without a question');
    command.action((id: string, options: FollowOptions & { dryRun?: boolean; rehearse?: boolean; yes?: boolean }) =>
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

  registerRejectsCommand(migrate, output, connect);
  registerFilesWithoutRowsCommand(migrate, output, connect);

  migrate
    .command('report <id>')
    .description('print the signed evidence report')
    .action((id: string) =>
      conclude(async () => {
        output.json(await connect().call('GET', `${migrationPath(id)}/report`));
        return exitCodes.done;
      }),
    );
}

function parseOptions(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      if (name === '' || value === '')
        throw new Failure('invalid_input', 'A setting is written --option name=value.', {
          hint: 'As in --option lanes=4.',
        });
      if (!optionNames().includes(name)) {
        const near = nearWord(name, optionNames());
        throw new Failure('invalid_input', `There is no option ${name}.`, {
          hint: `${near === undefined ? '' : `Did you mean ${near}? `}The options are ${optionNames().join(', ')}.`,
        });
      }
      if (value === 'null') return [name, null];
      return [name, /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value];
    }),
  );
}
