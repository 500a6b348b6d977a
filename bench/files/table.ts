import { type Goal, renderPartHead } from '../goals.js';
import { median, quotients, spread } from '../statistics.js';
import type { FileFigures, SetFigures } from './measure.js';

/** The part of the results about files; `ground` says when, where and with which versions. */
export function renderFiles({ rounds, sets, minutes }: FileFigures, ground: readonly string[]): string {
  return [
    ...renderPartHead({
      title: `Files into the store, with reading back (${rounds} rounds)`,
      part: 'files',
      figures: [
        'Times are seconds, medians with least and most in brackets; ratios are of the same round,',
        'above 1 the store is the faster one.',
      ],
      ground,
      minutes,
      goals: goalsOf(sets),
    }),
    '',
    '| | store | `cp -r`, `sync`, `sha256sum` | ratio | `rclone copy`, `rclone check --download` | ratio | the same and `sync` | ratio | peak memory of the store, MB |',
    '|---|---|---|---|---|---|---|---|---|',
    ...sets.map(
      ({ set, store, cp, rclone }) =>
        `| ${[
          set.name,
          spread(secondsOf(store)),
          spread(cp),
          spread(quotients(cp, secondsOf(store))),
          ...(rclone.length === 0
            ? ['not installed', '', '', '']
            : [undurable(rclone), durable(rclone)].flatMap((times) => [
                spread(times),
                spread(quotients(times, secondsOf(store))),
              ])),
          spread(
            store.map(({ peakMegabytes }) => peakMegabytes),
            0,
          ),
        ].join(' | ')} |`,
    ),
    '',
    'The store is a process of its own that reads each path as a migration does (links resolved, the open file looked at, looked at again after',
    'reading), in two lanes of pages of 256 files, 16 at a time, hashed on the way; a page is durable before its contents get their addresses, and these',
    'before the next page of the lane. A file over 8 MiB comes in parts of 64 MiB, each durable before it is on record. Then the store is opened anew and every content is hashed. What a',
    'migration does in the databases is not in it. The content that every contender leaves is compared with the source in each round.',
  ].join('\n');
}

const undurable = (rclone: SetFigures['rclone']) => rclone.map(({ seconds }) => seconds);
const durable = (rclone: SetFigures['rclone']) => rclone.map(({ durableSeconds }) => durableSeconds);
const secondsOf = (store: SetFigures['store']) => store.map(({ seconds }) => seconds);

/** Both sets together: of each round the sums. */
function goalsOf(sets: readonly SetFigures[]): readonly Goal[] {
  const sumOf = (timesOf: (figures: SetFigures) => readonly number[]) =>
    (sets[0] === undefined ? [] : timesOf(sets[0])).map((_, round) =>
      sets.reduce((sum, figures) => sum + (timesOf(figures)[round] ?? Number.NaN), 0),
    );
  const store = sumOf(({ store }) => secondsOf(store));
  const cp = sumOf(({ cp }) => cp);
  const rclone = sumOf(({ rclone }) => undurable(rclone));
  const durableRclone = sumOf(({ rclone }) => durable(rclone));
  const peak = Math.max(...sets.flatMap(({ store }) => store.map(({ peakMegabytes }) => peakMegabytes)));
  return [
    speedGoal('both together against `cp -r`, `sync` and `sha256sum`: ≥ 0.7 ×', quotients(cp, store), 0.7),
    ...(rclone.length === 0
      ? [{ name: 'against rclone: ≥ 1.0 ×', measured: '–', reached: undefined, why: 'rclone is not installed' }]
      : [
          speedGoal('against `rclone copy` and `rclone check --download`: ≥ 1.0 ×', quotients(rclone, store), 1),
          speedGoal(
            'against the same and `sync`, as durable as the store: ≥ 1.0 ×',
            quotients(durableRclone, store),
            1,
          ),
        ]),
    { name: 'peak memory < 250 MB', measured: `${peak.toFixed(0)} MB`, reached: peak < 250 },
  ];
}

function speedGoal(name: string, ratios: readonly number[], min: number): Goal {
  return { name, measured: `${spread(ratios)} ×`, reached: median(ratios) >= min };
}
