import type { SpeedComparison } from '../../src/domain/models/comparison/speed.js';
import { type Goal, renderPartHead } from '../goals.js';
import { spread } from '../statistics.js';
import type { BelowHttp, Paired } from './below-http.js';
import { type AiFigures, largerModel, type ModelFigures } from './measure.js';
import type { MemoryFigures } from './memory.js';

/** The part of the results about AI models; `ground` says when, where and with which versions. */
export function renderAi(
  { options, models, belowHttp, memory, megabytes, minutes }: AiFigures,
  ground: readonly string[],
): string {
  return [
    ...renderPartHead({
      title: `AI models (${options.rounds} rounds of ${options.seconds} s a side, ${options.connections} connections, single rows over HTTP)`,
      part: 'ai',
      figures: [
        'Medians with least and most in brackets; ratios are geometric means over the rounds, with their',
        'lower 95 % bound (paired t).',
      ],
      ground,
      minutes,
      goals: [...goalsOf(models), belowHttpGoal(belowHttp), memoryGoal(memory)],
    }),
    '',
    '| model | decision | accuracy or error, legacy / cube | requests/s, legacy | requests/s, cube | throughput | p99 legacy, ms | p99 cube, ms | p99 |',
    '|---|---|---|---|---|---|---|---|---|',
    ...models.map(modelLine),
    '',
    `Resident memory with all of these loaded: legacy ${megabytes.legacy.toFixed(0)} MB, cube ${megabytes.cube.toFixed(0)} MB, model processes included.`,
    '',
    'Both are one HTTP process with the same server, runtime, session options (one thread) and limits, and get the same requests in turn; the load runs on',
    'the same cores. They differ in two things: the cube computes rows together whose requests arrive within 2 ms, where the graph allows it; and each of its',
    'models has processes of its own, where legacy has one for all.',
    '',
    'Below HTTP, batches of 256 rows, in turn, 60 pairs. One at a time a batch crosses to the process and back before the next begins; flowing, four are',
    'under way, and each measure is of about 100 ms.',
    '',
    '| model | bare loop of the runtime, ms | model process, ms | speed, one at a time | bare loop, ms | model process, flowing, ms | speed, flowing |',
    '|---|---|---|---|---|---|---|',
    ...belowHttp.map(({ name, alone, flowing }) => `| ${name} | ${pairedCells(alone)} | ${pairedCells(flowing)} |`),
  ].join('\n');
}

function pairedCells({ bareMillis, processMillis, speed }: Paired): string {
  return `${spread(bareMillis)} | ${spread(processMillis)} | ${ratio(speed)}`;
}

function modelLine({ name, comparison, rounds, throughput, p99 }: ModelFigures): string {
  const { legacy, cube, decision } = comparison;
  const figure = (side: typeof legacy) => (side.accuracy ?? side.mean_absolute_error ?? Number.NaN).toFixed(4);
  const cells = [
    name,
    decision,
    `${figure(legacy)} / ${figure(cube)}`,
    spread(
      rounds.map((round) => round.legacy.perSecond),
      0,
    ),
    spread(
      rounds.map((round) => round.cube.perSecond),
      0,
    ),
    ratio(throughput),
    spread(
      rounds.map((round) => round.legacy.p99),
      1,
    ),
    spread(
      rounds.map((round) => round.cube.p99),
      1,
    ),
    ratio(p99),
  ];
  return `| ${cells.join(' | ')} |`;
}

function ratio({ ratio: mean, bound }: SpeedComparison): string {
  return `${mean.toFixed(2)} × (≥ ${bound.toFixed(2)})`;
}

function belowHttpGoal(figures: readonly BelowHttp[]): Goal {
  return {
    name: 'inference in a model process that always has a batch waiting ≥ 0.8 × a bare loop',
    measured: figures.map(({ name, flowing }) => `${name} ${ratio(flowing.speed)}`).join(', '),
    reached: figures.every(({ flowing }) => flowing.speed.ratio >= 0.8),
  };
}

/** Of the half in which the runtime has what it keeps for later. */
const maxGrowth = 1.05;

function memoryGoal({ name, predictions, loads, bytes }: MemoryFigures): Goal {
  const [half, end] = [bytes[Math.floor(bytes.length / 2) - 1] ?? Number.NaN, bytes.at(-1) ?? Number.NaN];
  const megabytes = bytes.map((size) => (size / 1e6).toFixed(0)).join(', ');
  return {
    name: `memory of a process of ${name} flat over ${predictions} predictions and ${loads} loads (the end against the half)`,
    measured: `${(end / half).toFixed(2)} ×; after each tenth ${megabytes} MB`,
    reached: end / half <= maxGrowth,
  };
}

function goalsOf(models: readonly ModelFigures[]): readonly Goal[] {
  const larger = models.find(({ name }) => name === largerModel);
  if (larger === undefined) return [];
  const errors = models.flatMap(({ rounds }) => rounds.flatMap(({ legacy, cube }) => [legacy.errors, cube.errors]));
  const failed = errors.reduce((sum, count) => sum + count, 0);
  const isEqual = larger.comparison.decision === 'activate';
  const why = isEqual ? '' : `the comparison says ${larger.comparison.decision}`;
  return [
    {
      name: `throughput of ${largerModel} ≥ 1.3 × legacy, at equal accuracy`,
      measured: ratio(larger.throughput),
      reached: isEqual && larger.throughput.ratio >= 1.3,
      why,
    },
    {
      name: 'its lower 95 % bound ≥ 1.1 × (AI performance +10 %)',
      measured: `${larger.throughput.bound.toFixed(2)} ×`,
      reached: isEqual && larger.throughput.bound >= 1.1,
      why,
    },
    { name: 'failed requests', measured: String(failed), reached: failed === 0 },
  ];
}
