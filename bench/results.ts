import type { Measured } from './contender.js';
import { median, quotients, spread } from './statistics.js';

type Rounds = ReadonlyMap<string, readonly Measured[]>;

/** What was measured, as `bench/RESULTS.md` reports it. */
export interface Results {
  readonly ground: readonly string[];
  readonly records: number;
  /** By contender, one entry a round. */
  readonly rounds: Rounds;
  /** The same for the row-by-row peer, on fewer rows. */
  readonly slow: { readonly records: number; readonly rounds: Rounds };
  readonly sizes: readonly { readonly records: number; readonly runs: readonly Measured[] }[];
  /** By number of bulk workers. */
  readonly workers: ReadonlyMap<number, readonly Measured[]>;
  readonly names: { readonly engine: string; readonly psql: string; readonly pgloader: string | undefined };
  readonly minutes: number;
}

export function renderResults(results: Results): string {
  return [
    '# Benchmark',
    '',
    'Written by `npm run bench`; do not edit. Times are seconds, medians with least and most in brackets.',
    '',
    ...results.ground.map((line) => `- ${line}`),
    `- The whole run took ${results.minutes.toFixed(0)} minutes.`,
    '',
    ...renderContenders(results),
    '',
    `Of the engine’s time ${spread(partsOf(results, 'preflight'))} s pass before the first row is copied, and`,
    `${spread(partsOf(results, 'verification'))} s are the verification.`,
    '',
    ...renderContenders({ ...results, ...results.slow }),
    '',
    ...renderGoals(results),
    '',
    ...renderSizes(results),
    '',
    ...renderWorkers(results),
    '',
    '## What limits it',
    '',
    ...limits,
    '',
    '## How it was measured',
    '',
    ...method,
    '',
  ].join('\n');
}

const limits = [
  '- Both cores are busy throughout, so that time follows the processor time of all together. On 500,000 rows a row costs the',
  '  worker 6.3 µs, legacy 2.0 and the cube 7.7. With psql legacy pays for the transform instead of the worker.',
  '- Of the worker’s time a seventh goes into the sockets, an eighth into garbage, a tenth into the two JSON texts; the rest is',
  '  spread over reading fields, rules and copying bytes. Reading past the driver, one copy of bytes less and timestamps judged as',
  '  numbers took 7.3 µs to 6.3, both measured in one interleaved run. No single lever of more than a twentieth of the copy is left.',
  '- A third lane gains nothing: the cores are busy with two.',
  '- What the cube spends (index, jsonb, WAL, checks) is the same for everybody who writes the same rows with the same durability.',
  '- The verification is server time alone, the worker spends a tenth of a second: SHA-256 over every field of every row on both sides.',
  '  A fifth of it is hashing (MD5 took a third), the rest writes fields as bytes, above all the two JSON documents as texts, and reads',
  '  tables that are larger than the servers’ buffers. The target’s index is not walked any more, which was a sixth.',
  '- A second bulk worker does not help on two cores that are busy. Under 100,000 rows the fixed second of a durable run (its',
  '  plan, its steps, its ledger) outweighs the copy.',
  '- A worker’s young generation is kept at 8 MB (`--max-semi-space-size`): at 16, V8’s own choice, peak memory grew from 163 MB at',
  '  100,000 rows to 245 at five million.',
];

const method = [
  '- Everybody moves the same rows between the same two servers, with the settings above. Each run has a new, empty target',
  '  database with the same tables; both servers make a checkpoint before it. The order of contenders turns from round to',
  '  round, and every other round goes backwards.',
  '- After each run the target is read whole: a digest over all columns but `migrated_at` must equal that of the',
  '  transform in SQL over the source, else the benchmark fails. So every figure here belongs to an equal result.',
  '- The peers get the transform as a view in legacy, and the rules of what is rejected as a table of ids made beforehand:',
  '  a hash lookup a row. They do less than the engine, which judges every row by the rules, looks whether pillars fit',
  '  their date, keeps the rejects with their payload, writes a log of batches and can be killed at any instant.',
  '- The engine runs as in operation: a control worker, a bulk worker and the control API as processes, Temporal next to',
  '  them on the same machine. `copy` is from the request until the comparison begins, preflight and all the engine’s own',
  '  bookkeeping included; `copy and verification` until the migration rests at `verified`. Processes are up before; those',
  '  of psql and pgloader start within their time, which is a tenth of a second and about one.',
  '- Row by row is the strategy document’s loop, pages by offset and one INSERT a row, and kinder to it than its text: one',
  '  transaction a page instead of one a row, a prepared statement, the log written once a page. On fewer rows than',
  '  the others: its pages by offset cost the more the farther they are, and a million rows were not done after nine minutes.',
  '- Peak memory is what the kernel counted for the bulk worker (VmHWM), a new process in every run.',
  '- Sources over a million rows are the million repeated under higher ids, so that making them does not take minutes.',
];

function renderContenders({ records, rounds, names }: Pick<Results, 'records' | 'rounds' | 'names'>): string[] {
  const engine = rounds.get(names.engine) ?? [];
  const copies = engine.flatMap(({ parts }) => parts?.copy ?? []);
  const psql = secondsOf(rounds.get(names.psql));
  const lines: [string, readonly number[]][] = [
    ['**cubeshift: copy**', copies],
    ['**cubeshift: copy and verification**', secondsOf(engine)],
    ...[...rounds]
      .filter(([name]) => name !== names.engine)
      .map(([name, measured]): [string, number[]] => [name, secondsOf(measured)]),
  ];
  return [
    `## ${grouped(records)} rows, one interleaved run`,
    '',
    '| | rounds | seconds | rows/s | time against psql, round by round |',
    '|---|---|---|---|---|',
    ...lines.map(
      ([name, seconds]) =>
        `| ${name} | ${seconds.length} | ${spread(seconds)} | ${grouped(records / median(seconds))} | ${spread(quotients(seconds, psql))} |`,
    ),
  ];
}

function partsOf({ rounds, names }: Results, part: 'preflight' | 'verification'): number[] {
  return (rounds.get(names.engine) ?? []).flatMap(({ parts }) => parts?.[part] ?? []);
}

function renderGoals({ rounds, sizes, names }: Results): string[] {
  const engine = rounds.get(names.engine) ?? [];
  const copies = engine.flatMap(({ parts }) => parts?.copy ?? []);
  const psql = secondsOf(rounds.get(names.psql));
  const loader = names.pgloader === undefined ? [] : secondsOf(rounds.get(names.pgloader));
  const peaks = sizes.map(({ runs }) => peakOf(runs));
  const fromHundredThousand = sizes.filter(({ records }) => records >= 100_000).map(({ runs }) => peakOf(runs));
  const growth = Math.max(...fromHundredThousand) / Math.min(...fromHundredThousand);
  return [
    '| goal | measured | |',
    '|---|---|---|',
    goal('copy ≥ 1.3 × as fast as psql', median(quotients(psql, copies)), (value) => value >= 1.3),
    ...(loader.length > 0
      ? [goal('copy ≥ 3 × as fast as pgloader', median(quotients(loader, copies)), (value) => value >= 3)]
      : []),
    goal(
      'copy and verification ≤ 1.25 × the time of psql',
      median(quotients(secondsOf(engine), psql)),
      (value) => value <= 1.25,
    ),
    goal(
      'peak memory of a worker < 250 MB',
      Math.max(...peaks, ...engine.flatMap(({ parts }) => parts?.peakMegabytes ?? [])),
      (value) => value < 250,
      0,
    ),
    ...(fromHundredThousand.length > 1
      ? [goal('peak memory flat from 100,000 rows on (most against least)', growth, (value) => value <= 1.25)]
      : []),
  ];
}

function goal(name: string, value: number, reached: (value: number) => boolean, digits = 2): string {
  return `| ${name} | ${value.toFixed(digits)} | ${reached(value) ? 'reached' : 'not reached'} |`;
}

function renderSizes({ sizes }: Results): string[] {
  return [
    '## Time and memory against size',
    '',
    '| rows | runs | copy | copy and verification | rows/s, copy | peak memory of the bulk worker, MB |',
    '|---|---|---|---|---|---|',
    ...sizes.map(({ records, runs }) => {
      const copies = runs.flatMap(({ parts }) => parts?.copy ?? []);
      return `| ${grouped(records)} | ${runs.length} | ${spread(copies)} | ${spread(secondsOf(runs))} | ${grouped(records / median(copies))} | ${peakOf(runs).toFixed(0)} |`;
    }),
  ];
}

function renderWorkers({ workers, records }: Results): string[] {
  return [
    `## Bulk workers, ${grouped(records)} rows`,
    '',
    '| bulk workers | runs | copy | copy and verification | peak memory of the largest, MB |',
    '|---|---|---|---|---|',
    ...[...workers].map(([count, runs]) => {
      const copies = runs.flatMap(({ parts }) => parts?.copy ?? []);
      return `| ${count} | ${runs.length} | ${spread(copies)} | ${spread(secondsOf(runs))} | ${peakOf(runs).toFixed(0)} |`;
    }),
  ];
}

function secondsOf(measured: readonly Measured[] | undefined): number[] {
  return (measured ?? []).map(({ seconds }) => seconds);
}

function peakOf(runs: readonly Measured[]): number {
  return Math.max(...runs.flatMap(({ parts }) => parts?.peakMegabytes ?? []));
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en');
}
