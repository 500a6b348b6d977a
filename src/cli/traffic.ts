import { type Command, InvalidArgumentError } from 'commander';
import type { TrafficView } from '../api/traffic.js';
import type { Connect } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { oneLine } from './one-line.js';
import { conclude, type Output } from './output.js';
import { registerRampCommands } from './ramp.js';
import { wholeNumber } from './whole-number.js';

interface SetOptions {
  readonly enabled?: boolean;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly onlyIf?: number;
  readonly why?: string;
  readonly json?: boolean;
}

/** `cubeshift traffic …`: who is on a cube. */
export function registerTrafficCommands(program: Command, output: Output, connect: Connect): void {
  const traffic = program.command('traffic').description('show and change which users a cube serves');

  traffic
    .command('get <cube>')
    .description('show which users a cube serves now')
    .option('--json', 'as JSON')
    .action((cube: string, options: { json?: boolean }) =>
      conclude(async () => {
        show(await connect().call<TrafficView>('GET', pathOf(cube)), options, output);
        return exitCodes.done;
      }),
    );

  traffic
    .command('set')
    .description('set the weight now; settings that are not named stay')
    .argument('<cube>')
    .argument('[percentage]', 'whole, 0 to 100', wholeNumber(0, 100))
    .option('--enabled <boolean>', 'true opens the cube, false closes it to everybody', parseBoolean)
    .option('--allow <user...>', 'the users who are on the cube whatever the percentage; "" for none', parseUsers)
    .option('--deny <user...>', 'the users who are never on the cube; "" for none', parseUsers)
    .option('--only-if <percentage>', 'only if this is the current percentage', wholeNumber(0, 100))
    .option('--why <text>', 'the reason, for the record')
    .option('--json', 'as JSON')
    .action((cube: string, percentage: number | undefined, options: SetOptions) =>
      conclude(async () => {
        const { enabled, allow, deny, onlyIf, why } = options;
        const body = { percentage, enabled, allow, deny, only_if_percentage: onlyIf, why };
        show(await connect().call<TrafficView>('PUT', pathOf(cube), body), options, output);
        return exitCodes.done;
      }),
    );

  registerRampCommands(traffic, output, connect);
}

function pathOf(cube: string): string {
  return `/v1/traffic/${encodeURIComponent(cube)}`;
}

function show(view: TrafficView, { json }: { json?: boolean }, output: Output): void {
  if (json) {
    output.json(view);
    return;
  }
  const { percentage, changed } = view;
  output.print(
    [
      `${view.cube}: ${view.enabled ? '' : 'closed, '}${percentage === null ? 'no valid percentage' : `${percentage} % of users`}`,
      ...(view.allow.length > 0 ? [`always on the cube: ${view.allow.join(', ')}`] : []),
      ...(view.deny.length > 0 ? [`never on the cube: ${view.deny.join(', ')}`] : []),
      ...(changed === null ? [] : [`changed by ${changed.by} at ${changed.at}${changed.why && `: ${changed.why}`}`]),
    ]
      .map(oneLine)
      .join('\n'),
  );
  for (const problem of view.problems) output.talk(oneLine(problem));
}

function parseBoolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}

/** Commander takes what follows such an option for its value, even another option: no user has such a name. */
function parseUsers(user: string, before: readonly string[] = []): readonly string[] {
  if (user.startsWith('-'))
    throw new InvalidArgumentError(
      'A user is missing. "" means none; only the control API can set an id that begins with a dash.',
    );
  return user === '' ? before : [...before, user];
}
