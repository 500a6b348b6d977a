import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, isFailureType } from '../base/failures.js';
import { endedStatuses, type MigrationAction, type MigrationView } from '../domain/migration/migration.js';
import { commandsAfterEnd, commandsOfActions } from '../domain/migration/next-commands.js';
import type { OperationView } from '../domain/migration/operation-view.js';
import type { NextCommand } from '../domain/next-command.js';
import { type ControlClient, migrationPath } from './control-client.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { failureLines } from './failure-lines.js';
import { awaitInterruptibly } from './interrupt.js';
import { followEvents } from './migration-events.js';
import { possibleLines } from './next-lines.js';
import { oneLine } from './one-line.js';
import type { Output } from './output.js';
import { differenceLine } from './reject-listing.js';

export interface FollowOptions {
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Sends a command to a migration, and shows what it brought; with `wait`, once the migration waits or ends. */
export async function sendCommand(
  client: ControlClient,
  id: string,
  action: MigrationAction,
  body: unknown,
  options: FollowOptions,
  output: Output,
): Promise<ExitCode> {
  const view = await client.call<MigrationView>('POST', `${migrationPath(id)}/${action}`, body);
  return show(client, view, options, output);
}

/** Shows a migration; with `wait`, once it waits or ends. */
export async function show(
  client: ControlClient,
  first: MigrationView,
  options: FollowOptions,
  output: Output,
): Promise<ExitCode> {
  const stillRuns = `${first.id} continues. Watch it with \`cubeshift migrate watch ${first.id}\`, stop it with \`cubeshift migrate pause ${first.id}\`.`;
  return awaitInterruptibly(stillRuns, output, () => followUntilRest(client, first, options, output));
}

async function followUntilRest(
  client: ControlClient,
  first: MigrationView,
  options: FollowOptions,
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

/** Prints each event of a migration until it ends; returns the exit code of its last state. */
export async function printEvents(
  client: ControlClient,
  id: string,
  { json }: FollowOptions,
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

export function exitCodeOf(view: MigrationView): ExitCode {
  if (view.verification.status === 'mismatch' && view.status === 'blocked') return exitCodes.mismatch;
  return view.status === 'blocked' || view.status === 'failed' ? exitCodes.failed : exitCodes.done;
}

export function describe(view: MigrationView): string {
  const lines = [
    `${view.kind} ${view.id}: ${view.status} at ${view.stage}`,
    progressLine(view),
    `verification ${view.verification.status}, ${view.verification.compared} rows compared`,
    ...(view.error === null ? [] : failureLines(failureOfView(view.error))),
    ...(view.last_operation === null ? [] : [operationLine(view.last_operation)]),
    ...view.verification.mismatches.slice(0, 10).map((one) => differenceLine(view.kind, one)),
    ...possibleLines(commandsFor(view)),
  ];
  return lines
    .filter((line) => line !== '')
    .map(oneLine)
    .join('\n');
}

/** What a person may type about a run as it is now. */
export function commandsFor({ kind, id, status, actions, progress }: MigrationView): readonly NextCommand[] {
  if (endedStatuses.has(status)) return commandsAfterEnd(kind, id, status);
  return commandsOfActions(id, actions, progress.rejected > 0);
}

function operationLine({ action, summary }: OperationView): string {
  return `last ${action === 'repair' ? 'repair' : 'retry of rejects'}: ${summary}`;
}

/** What stopped a run, as of any failure of its type. */
function failureOfView({ type, message, hint }: NonNullable<MigrationView['error']>): Failure {
  return new Failure(isFailureType(type) ? type : 'unexpected', message, { hint });
}

function progressLine({ stage, progress }: MigrationView): string {
  const { verified, rate_per_second, eta_seconds } = progress;
  const pace = eta_seconds === null ? '' : `, ${rate_per_second} rows/s, ${eta_seconds} s left`;
  const moved = movedRows(progress);
  return `${stage}: ${moved}${moved === nothingMoved ? '' : `, ${verified} verified${pace}`}${itemsLine({ stage, progress })}`;
}

/** How far the rows are that have steps of their own: they were moved before, and are taken back where they turn out unfit. */
export function itemsLine({ stage, progress: { items } }: Pick<MigrationView, 'stage' | 'progress'>): string {
  if (stage !== 'copying' || items === null || items.passed + items.taken_back === 0) return '';
  return `; of those moved ${items.passed} passed every step, ${items.taken_back} were taken back, ${items.left} are left`;
}

const nothingMoved = 'no row moved yet';

/** What was moved, of how many: of an estimate until all rows were read, and of no number before there is an estimate. */
export function movedRows({
  migrated,
  rejected,
  total,
  total_estimated,
}: Pick<MigrationView['progress'], 'migrated' | 'rejected' | 'total' | 'total_estimated'>): string {
  if (total_estimated && total === 0) return nothingMoved;
  return `${migrated} moved, ${rejected} rejected of ${total_estimated ? 'about ' : ''}${total}`;
}
