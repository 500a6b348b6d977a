import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { type RampAnswer, rampTexts } from '../domain/traffic/ramp/ramp.js';
import { rampCommands } from '../domain/traffic/ramp/ramp-commands.js';
import type { Connect, ControlClient } from './control-client.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { awaitInterruptibly } from './interrupt.js';
import { possibleLines } from './next-lines.js';
import { oneLine } from './one-line.js';
import { conclude, type Output } from './output.js';
import { checkedLine, rampHeadline } from './ramp-lines.js';
import { showTemporalPage } from './temporal-page.js';
import { wholeNumber } from './whole-number.js';

interface RampOptions {
  readonly target?: number;
  readonly step?: number;
  readonly steps?: readonly number[];
  readonly interval?: number;
  readonly checkInterval?: number;
  readonly minRequests?: number;
  readonly minUsers?: number;
  readonly slowSeconds?: number;
  readonly status?: boolean;
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly stop?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

const percentage = wholeNumber(1, 100);

/** What a new ramp is started with: a ramp that runs takes none of it. */
const startOptions = [
  'target',
  'step',
  'steps',
  'interval',
  'checkInterval',
  'minRequests',
  'minUsers',
  'slowSeconds',
] as const satisfies readonly (keyof RampOptions)[];

/** `cubeshift traffic ramp|stop`: users brought over step by step. */
export function registerRampCommands(traffic: Command, output: Output, connect: Connect): void {
  traffic
    .command('ramp')
    .description('move users to the cube step by step, with proof; or show, pause or resume the current ramp')
    .argument('<cube>')
    .option('--target <percentage>', 'the percentage to end at; by default the last of the steps, or 100', percentage)
    .option('--step <percentage>', 'size of a step in percentage points; by default 10', percentage)
    .option('--steps <percentages>', 'the percentages of the steps, as in 1,5,10', parseCounts)
    .option('--interval <seconds>', 'the minimum time at a step', wholeNumber(1))
    .option('--check-interval <seconds>', 'the time between two checks', wholeNumber(1))
    .option('--min-requests <number>', 'the minimum of requests to the cube at a step', wholeNumber(1))
    .option('--min-users <number>', 'the minimum of users of the cube at a step', wholeNumber(1))
    .option('--slow-seconds <seconds>', 'how long the cube may be above the latency line', wholeNumber(1))
    .addOption(
      new Option('--status', 'only show its state, and why').conflicts([...startOptions, 'pause', 'resume', 'stop']),
    )
    .addOption(new Option('--pause', rampTexts.pause).conflicts([...startOptions, 'resume', 'stop']))
    .addOption(new Option('--resume', `after a pause: ${rampTexts.resume}`).conflicts([...startOptions, 'stop']))
    .addOption(new Option('--stop', `${rampTexts.stop} (the same as \`traffic stop\`)`).conflicts([...startOptions]))
    .option('--wait', 'return when it ends, or when a person must decide')
    .option('--json', 'as JSON')
    .action((cube: string, options: RampOptions) =>
      conclude(async () => {
        const client = connect();
        const view = await sendCommand(client, cube, options);
        if (!options.status) showTemporalPage(view, output);
        return show(client, view, options, output);
      }),
    );

  traffic
    .command('stop <cube>')
    .description('end the ramp; the weight stays')
    .option('--json', 'as JSON')
    .action((cube: string, options: { json?: boolean }) =>
      conclude(async () => {
        const client = connect();
        return show(client, await client.call<RampAnswer>('DELETE', pathOf(cube)), options, output);
      }),
    );
}

function sendCommand(client: ControlClient, cube: string, options: RampOptions): Promise<RampAnswer> {
  if (options.status) return client.call<RampAnswer>('GET', pathOf(cube));
  if (options.pause) return client.call<RampAnswer>('POST', `${pathOf(cube)}/pause`);
  if (options.stop) return client.call<RampAnswer>('DELETE', pathOf(cube));
  if (options.resume) return client.call<RampAnswer>('POST', `${pathOf(cube)}/resume`);
  const { target, step, steps, interval, checkInterval, minRequests, minUsers, slowSeconds } = options;
  return client.call<RampAnswer>('POST', pathOf(cube), {
    target_percentage: target,
    step,
    steps,
    interval_seconds: interval,
    check_interval_seconds: checkInterval,
    minimums:
      minRequests === undefined && minUsers === undefined ? undefined : { requests: minRequests, users: minUsers },
    slow_seconds: slowSeconds,
  });
}

const pollMillis = 1000;

async function show(
  client: ControlClient,
  first: RampAnswer,
  { wait, json }: { wait?: boolean; json?: boolean },
  output: Output,
): Promise<ExitCode> {
  const stillRuns = `The ramp of ${first.cube} continues. Watch it with \`cubeshift traffic ramp ${first.cube} --status\`, end it with \`cubeshift traffic stop ${first.cube}\`.`;
  const view = await awaitInterruptibly(stillRuns, output, () => follow(client, first, wait ?? false, output));
  if (json) output.json(view);
  else
    output.print(
      [
        `${view.cube}: ${rampHeadline(view)}`,
        view.sentence,
        ...[checkedLine(view, Date.now()) ?? []].flat(),
        ...view.lowered.map((setting) => `less proof than usual: ${setting}`),
        ...view.rollbacks.map(
          ({ at, from_percentage, sentence }) => `went back from ${from_percentage} % at ${at}: ${sentence}`,
        ),
        ...possibleLines(rampCommands(view)),
      ]
        .map(oneLine)
        .join('\n'),
    );
  return wait && view.status === 'waiting' ? exitCodes.failed : exitCodes.done;
}

async function follow(client: ControlClient, first: RampAnswer, wait: boolean, output: Output): Promise<RampAnswer> {
  let view = first;
  let shown = '';
  while (wait && ['ramping', 'holding_off'].includes(view.status)) {
    if (view.sentence !== shown) output.talk(oneLine(view.sentence));
    shown = view.sentence;
    await sleep(pollMillis);
    view = await client.readWithRetries<RampAnswer>(pathOf(view.cube), output);
  }
  return view;
}

function pathOf(cube: string): string {
  return `/v1/traffic/${encodeURIComponent(cube)}/ramp`;
}

function parseCounts(text: string): readonly number[] {
  return text.split(',').map((one) => percentage(one.trim()));
}
