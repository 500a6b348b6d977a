import { type Goal, renderPartHead } from '../goals.js';
import { median, quotients, spread } from '../statistics.js';
import type { GatewayFigures, ThroughputFigures } from './measure.js';
import { stallMillis } from './stalling-server.js';

/** A straight 99th percentile above this says that the machine was busy with other things; latencies then do not count. */
const quietMillis = 3;

/** The part of the results about the gateway; `ground` says when, where and with which versions. */
export function renderGateway(figures: GatewayFigures, ground: readonly string[]): string {
  const { options, throughput, minutes } = figures;
  return [
    ...renderPartHead({
      title: `Gateway (${options.rounds} rounds of ${options.seconds} s, ${options.connections} connections, a small JSON)`,
      part: 'gateway',
      figures: ['Medians with least and most in brackets.'],
      ground,
      minutes,
      goals: goalsOf(figures),
    }),
    '',
    'The gateway with weights (50 %), token checks of a thousand users and metrics, shadow off, one process; the others forward',
    'and nothing else. All run before the same nginx, are measured in turns (every other round backwards), and a round counts',
    'what the upstream saw: what it saw beyond the answers was under way when the round ended, or a retry.',
    '',
    '| | requests a second | a CPU-second | the gateway against it, round by round | memory, MB | errors | most seen beyond answered |',
    '|---|---|---|---|---|---|---|',
    ...[...throughput].map(([name, rounds]) => contenderLine(name, rounds, perCpuOf(throughput.get('gateway')))),
    '',
    ...renderLatencies(figures),
    '',
    ...renderStreamAndProcesses(figures),
    '',
    'Planted: nothing in the upstream. No speed-up is claimed against a planted delay; the stalls belong to the test of the generator alone.',
  ].join('\n');
}

function contenderLine(name: string, rounds: readonly ThroughputFigures[], own: readonly number[]): string {
  const cells = [
    name,
    spread(
      rounds.map(({ perSecond }) => perSecond),
      0,
    ),
    spread(perCpuOf(rounds), 0),
    name === 'gateway' ? '' : `${spread(quotients(own, perCpuOf(rounds)))} ×`,
    median(rounds.map(({ megabytes }) => megabytes)).toFixed(0),
    String(rounds.reduce((sum, { errors }) => sum + errors, 0)),
    String(Math.max(...rounds.map(({ seenBeyondAnswered }) => seenBeyondAnswered))),
  ];
  return `| ${cells.join(' | ')} |`;
}

function perCpuOf(rounds: readonly ThroughputFigures[] = []): number[] {
  return rounds.map(({ perCpuSecond }) => perCpuSecond);
}

function goalsOf(figures: GatewayFigures): readonly Goal[] {
  const { throughput, options, stream } = figures;
  const own = perCpuOf(throughput.get('gateway'));
  const rounds = [...throughput.values()].flat();
  const wellCounted = rounds.every(
    ({ seenBeyondAnswered, errors }) =>
      seenBeyondAnswered >= 0 && seenBeyondAnswered <= options.connections && errors === 0,
  );
  const against = (peer: string, least: number, better: number): Goal => {
    const name = `requests per CPU-second ≥ ${least} × ${peer}, better ${better} ×`;
    const found = throughput.get(peer);
    if (found === undefined) return { name, measured: '', reached: undefined, why: 'it was not installed' };
    const ratio = median(quotients(own, perCpuOf(found)));
    const why =
      ratio >= better
        ? 'the better one too'
        : ratio >= least
          ? 'the better one not'
          : 'it checks tokens, weights and counts users by the way';
    return { name, measured: `${ratio.toFixed(2)} ×`, reached: ratio >= least, why };
  };
  const grown = stream.peakMegabytes - stream.megabytesBefore;
  return [
    against('nginx', 0.2, 0.25),
    against('Traefik', 0.9, 1),
    against('@fastify/http-proxy', 1, 1.3),
    {
      name: 'the upstream saw what was sent, no errors',
      measured: `${rounds.length} rounds`,
      reached: wellCounted,
    },
    addedGoal(figures, 'p50', 1),
    addedGoal(figures, 'p99', 3),
    stallGoal(figures),
    {
      name: '1 GiB streamed with flat memory (< 64 MB more)',
      measured: `${grown.toFixed(0)} MB more`,
      reached: grown < 64,
    },
    processesGoal(figures),
  ];
}

function addedGoal({ latency }: GatewayFigures, of: 'p50' | 'p99', most: number): Goal {
  const added = latency.gateway.map((through, round) => through[of] - (latency.straight[round]?.[of] ?? Number.NaN));
  const baseline = median(latency.straight.map(({ p99 }) => p99));
  const quiet = baseline <= quietMillis;
  return {
    name: `added ${of} < ${most} ms at half of the knee`,
    measured: `${spread(added)} ms`,
    reached: quiet ? median(added) < most : undefined,
    why: quiet
      ? ''
      : `straight p99 was ${baseline.toFixed(1)} ms, over ${quietMillis} ms: machine or generator were too busy`,
  };
}

function stallGoal({ stalled }: GatewayFigures): Goal {
  return {
    name: `the generator shows a stall of ${stallMillis} ms every 2 s in its p99`,
    measured: `p50 ${stalled.p50.toFixed(1)} ms, p99 ${stalled.p99.toFixed(0)} ms`,
    reached: stalled.p99 > 0.75 * stallMillis,
  };
}

/** Two gateways, the upstream and two generators: with fewer cores they take each other's place. */
const coresWithRoom = 4;

function processesGoal({ processes, cores }: GatewayFigures): Goal {
  const ratio = median(quotients(processes.two, processes.one));
  const name = 'two processes ≥ 1.7 × one where the load generator leaves room';
  const measured = `${ratio.toFixed(2)} ×`;
  if (cores >= coresWithRoom) return { name, measured, reached: ratio >= 1.7 };
  const why = `generator and upstream use the same ${cores} cores: they leave no room for a second process`;
  return { name, measured, reached: undefined, why };
}

function renderLatencies({ latency }: GatewayFigures): readonly string[] {
  const line = (name: string, rounds: GatewayFigures['latency']['straight']) =>
    `| ${name} | ${spread(rounds.map(({ p50 }) => p50))} | ${spread(rounds.map(({ p99 }) => p99))} | ${rounds.reduce((sum, { errors }) => sum + errors, 0)} |`;
  return [
    `At a constant ${latency.rate} requests a second, half of what it carried; each timed from when it was due:`,
    '',
    '| | p50, ms | p99, ms | errors |',
    '|---|---|---|---|',
    line('straight to the upstream', latency.straight),
    line('through the gateway', latency.gateway),
  ];
}

function renderStreamAndProcesses({ stream, processes }: GatewayFigures): readonly string[] {
  const rate = stream.bytes / 1e6 / stream.seconds;
  return [
    `1 GiB in one answer took ${stream.seconds.toFixed(1)} s (${rate.toFixed(0)} MB/s); resident memory was ${stream.megabytesBefore.toFixed(0)} MB before and`,
    `${stream.peakMegabytes.toFixed(0)} MB at most. One process carried ${spread(processes.one, 0)} requests a second, two ${spread(processes.two, 0)}.`,
  ];
}
