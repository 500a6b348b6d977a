import { clocks } from '../../src/domain/saju/birth.js';
import { type Goal, renderPartHead } from '../goals.js';
import { percentile } from '../statistics.js';
import type { TrafficFigures } from './measure.js';
import { requestsPerSecond, type Trial, usersAtOnce } from './trials.js';

const maxEmergencyMillis = 5000;

/** The part of the results about routing and rollbacks; `ground` says when, where and with which versions. */
export function renderTraffic(figures: TrafficFigures, ground: readonly string[]): string {
  const { automatic, usual, emergency, options, minutes, tokens, saju } = figures;
  return [
    ...renderPartHead({
      title: 'Routing, tokens, charts and rollbacks',
      part: 'traffic',
      figures: [],
      ground,
      minutes,
      goals: goalsOf(figures),
    }),
    '',
    `A first token check takes ${tokens.jose.toFixed(1)} µs with jose for the same tokens. A bare call of the library makes`,
    `${saju.libraryPerSecond.toFixed(0)} charts a second and core; the cube, by clock: ${clocks.map((clock) => `${clock} ${saju.perSecond[clock].toFixed(0)} (${saju.ratio[clock].toFixed(2)} ×)`).join(', ')}.`,
    '',
    `### Rollbacks (${usersAtOnce} users, ${requestsPerSecond} requests a second; ${options.trials} trials of each were planned)`,
    '',
    '| | trials | p50, s | p99, s | most, s | failed requests a trial, p50 | most | in all | requests |',
    '|---|---|---|---|---|---|---|---|---|',
    trialsLine('automatic: first bad answer to last answer of the cube', automatic, ({ millis }) => millis),
    trialsLine('the same with every setting as it is by itself', usual, ({ millis }) => millis),
    trialsLine('emergency: call to last bad answer', emergency, ({ millis }) => millis),
    trialsLine('emergency: call to users on the good version again', emergency, (one) => one.restoredMillis ?? 0),
    '',
    ...reasonsOf([...automatic, ...usual]),
    '',
    '### The gate’s error test, by simulation',
    '',
    '| | seeds | |',
    '|---|---|---|',
    ...figures.gate.falseRollbacks.map(
      ({ name, seed, stopped }) =>
        `| equal sides: ${name} | ${seed}–${seed + 999} | ${stopped} of 1,000 ramps went back |`,
    ),
    ...figures.gate.planted.map(
      ({ times, found, runs, median }) =>
        `| ${times} × legacy’s 1 % of errors, at 5 % | 50000–${50_000 + runs - 1} | found in ${found} of ${runs}, after ${median} requests of the cube in the median |`,
    ),
    '',
    '### How it was measured',
    '',
    '- Planted: a version of the saju cube of which every read of a record whose id is divisible by three fails with a 500, alone',
    `  or in a listing; its health and smoke test are fine. In legacy, as it said after the trials: ${figures.plantedInLegacy}. No speed-up`,
    '  is claimed against a planted delay.',
    '- The real gateway, Redis, Temporal, control API, worker, legacy service and saju cube on one stack and one machine, with',
    '  the users’ generator on the same machine.',
    '- Automatic: a new ramp in each trial, to 5 % and then on. Looked at every second, users counted by windows of 1 s; in the',
    '  line below as usual, every 15 s and by 10 s, which is why it takes longer. All else of the gate is as usual in both. No memory of a day is left from the trial before: the ramp that went back is',
    '  stopped and hold-off and count of rollbacks end with it. Each trial has users of its own.',
    '  Failed requests are those of the whole trial.',
    '- Shadow comparison is off: on, as in operation, it queries the bad version from 0 % on, and sent trial ramps back at their first',
    '  observation after the step, after 0.1 to 2.4 s. Timed here is the rest of the gate: the reasons above show which part.',
    '- Emergency: everybody is on the bad version when `POST /v1/cubes/saju-cube/rollback` is called with the good one, which is',
    '  still warm. Users are served by legacy until it has its traffic again. Failed requests are those answered after the call.',
  ].join('\n');
}

function goalsOf({
  routing,
  tokens,
  saju,
  accuracy,
  gate,
  automatic,
  usual,
  emergency,
  options,
}: TrafficFigures): readonly Goal[] {
  const chart = saju.ratio.true;
  const worst = percentile(
    emergency.map(({ millis }) => millis),
    0.99,
  );
  const few = emergency.length < options.trials ? `${emergency.length} of ${options.trials} trials in the time` : '';
  const gone = automatic.length < options.trials ? `${automatic.length} of ${options.trials} trials in the time` : '';
  return [
    nanos('weight decision < 1 µs, user seen before', routing.memoisedNanos, 1000),
    nanos('weight decision < 1 µs, new user', routing.freshNanos, 1000),
    {
      name: 'weight decision allocates nothing when memoised',
      measured: `${routing.memoisedBytes.toFixed(2)} bytes`,
      reached: routing.memoisedBytes < 1,
    },
    nanos('token check < 20 µs', tokens.first * 1000, 20_000),
    nanos('token check < 1 µs when cached', tokens.again * 1000, 1000),
    {
      name: 'charts ≥ 0.4 × one bare library call (true solar time)',
      measured: `${chart.toFixed(2)} ×`,
      reached: chart >= 0.4,
      why: 'the right convention needs two calls',
    },
    {
      name: 'false rollbacks ≤ 1 % of ramps between equal sides',
      measured: `${(Math.max(...gate.falseRollbacks.map(({ stopped }) => stopped)) / 10).toFixed(1)} %`,
      reached: gate.falseRollbacks.every(({ stopped }) => stopped <= 10),
      why: 'the worst of three worlds',
    },
    {
      name: 'accuracy ≥ 99.95 % of the reference (strategy), 100 % required',
      measured: `${((100 * accuracy.right) / accuracy.rows).toFixed(2)} %`,
      reached: accuracy.right === accuracy.rows,
      why: `${accuracy.right} of ${accuracy.rows} rows, ${accuracy.conventions} conventions`,
    },
    {
      name: 'emergency rollback < 5 s (p99)',
      measured: `${(worst / 1000).toFixed(2)} s`,
      reached: worst < maxEmergencyMillis,
      why: few,
    },
    {
      name: 'every bad ramp went back by itself',
      measured: `${automatic.length + usual.length} trials`,
      reached: automatic.length > 0 && usual.length > 0,
      why: gone,
    },
  ];
}

function nanos(name: string, value: number, most: number): Goal {
  const measured = value < 1000 ? `${value.toFixed(0)} ns` : `${(value / 1000).toFixed(1)} µs`;
  return { name, measured, reached: value < most };
}

function trialsLine(name: string, trials: readonly Trial[], read: (trial: Trial) => number): string {
  const seconds = trials.map((trial) => read(trial) / 1000);
  const failures = trials.map((trial) => trial.failures);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const cells = [
    name,
    String(trials.length),
    ...[0.5, 0.99, 1].map((share) => percentile(seconds, share).toFixed(2)),
    percentile(failures, 0.5).toFixed(0),
    String(Math.max(...failures)),
    String(sum(failures)),
    String(sum(trials.map(({ requests }) => requests))),
  ];
  return `| ${cells.join(' | ')} |`;
}

function reasonsOf(trials: readonly Trial[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { reason } of trials) if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [`- Why the ramps went back: ${[...counts].map(([reason, count]) => `${reason} ${count} ×`).join(', ')}.`];
}
