import { type Command, InvalidArgumentError } from 'commander';
import type { TrafficView } from '../api/traffic.js';
import { type RampAnswer, rampTexts } from '../domain/traffic/ramp/ramp.js';
import type { Connect, ControlClient } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { possibleLines } from './next-lines.js';
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
        const client = connect();
        show(await client.call<TrafficView>('PUT', pathOf(cube), body), options, output);
        const hint = percentage === undefined && enabled === undefined ? [] : await hintOfRamp(client, cube);
        for (const line of hint) output.talk(oneLine(line));
        return exitCodes.done;
      }),
    );

  registerRampCommands(traffic, output, connect);
}

/** What a ramp that runs makes of a weight that was set by hand. The weight is set already: a ramp that cannot be read is none. */
async function hintOfRamp(client: ControlClient, cube: string): Promise<readonly string[]> {
  const ramp = await client
    .call<RampAnswer>('GET', `${pathOf(cube)}/ramp`, undefined, maxHintMillis)
    .catch(() => undefined);
  if (ramp === undefined || ramp.actions.length === 0) return [];
  const { status, settings } = ramp;
  const then =
    status === 'paused'
      ? 'stays paused'
      : `waits for a person from its next check on, which is within ${settings.check_interval_seconds} s`;
  return [
    `A ramp of ${ramp.cube} is ${status}: where it had another weight, it keeps this one and ${then}.`,
    ...possibleLines([
      {
        command: `cubeshift traffic ramp ${ramp.cube} --resume`,
        what: `once it waits: ${rampTexts.resume}`,
      },
      { command: `cubeshift traffic stop ${ramp.cube}`, what: rampTexts.stop },
    ]),
  ];
}

const maxHintMillis = 3000;

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
