import { type Goal, renderPartHead } from '../goals.js';
import { quotients, spread } from '../statistics.js';
import { type Direction, directions, type StreamFigures, type StreamRun } from './measure.js';

const mostGrownMegabytes = 64;

/** The part of the results about files that pass the gateway; `ground` says when, where and with which versions. */
export function renderStreams(figures: StreamFigures, ground: readonly string[]): string {
  const { bytes, rounds, minutes } = figures;
  return [
    ...renderPartHead({
      title: `Files through the gateway (${rounds} rounds, one file of ${sizeText(bytes)})`,
      part: 'streams',
      figures: [
        'Medians with least and most in brackets; ratios are of the same round, above 1 the gateway is the better one.',
      ],
      ground,
      minutes,
      goals: goalsOf(figures),
    }),
    '',
    '| | gateway, MB a second | nginx, MB a second | ratio | gateway, CPU-seconds | nginx, CPU-seconds | ratio | most memory of the gateway, MB | more than before, MB |',
    '|---|---|---|---|---|---|---|---|---|',
    ...directions.map((direction) => line(figures, direction)),
    '',
    'The gateway with weights, rate limits and metrics, shadow off, one process; nginx with one worker forwards and nothing else, and as the gateway keeps',
    'no body on its disk. Both stand before the same service, which makes the content and hashes what comes, and are asked in turns by the same client.',
    'Client and service hash every byte, and each content is compared with what was sent: on few cores they take processor time from what they measure.',
  ].join('\n');
}

function line({ bytes, runs }: StreamFigures, direction: Direction): string {
  const { gateway, nginx } = runs[direction];
  const speed = (of: readonly StreamRun[]) => of.map(({ seconds }) => bytes / 1e6 / seconds);
  const cpu = (of: readonly StreamRun[]) => of.map(({ cpuSeconds }) => cpuSeconds);
  const cells = [
    direction,
    spread(speed(gateway), 0),
    spread(speed(nginx), 0),
    `${spread(quotients(speed(gateway), speed(nginx)))} ×`,
    spread(cpu(gateway)),
    spread(cpu(nginx)),
    `${spread(quotients(cpu(nginx), cpu(gateway)))} ×`,
    spread(
      gateway.map(({ peakMegabytes }) => peakMegabytes),
      0,
    ),
    spread(gateway.map(grownOf), 0),
  ];
  return `| ${cells.join(' | ')} |`;
}

function goalsOf({ bytes, runs }: StreamFigures): readonly Goal[] {
  const all = directions.flatMap((direction) => runs[direction].gateway);
  const grown = Math.max(...all.map(grownOf));
  return [
    {
      name: `${sizeText(bytes)} up and down with flat memory (< ${mostGrownMegabytes} MB more)`,
      measured: `${grown.toFixed(0)} MB more at most`,
      reached: grown < mostGrownMegabytes,
    },
    {
      name: 'every content is the one that was sent, by its SHA-256',
      measured: `${2 * all.length} files`,
      reached: true,
    },
  ];
}

const grownOf = ({ peakMegabytes, megabytesBefore }: StreamRun) => Math.max(0, peakMegabytes - megabytesBefore);

function sizeText(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2;
  return mebibytes % 1024 === 0 ? `${mebibytes / 1024} GiB` : `${mebibytes} MiB`;
}
