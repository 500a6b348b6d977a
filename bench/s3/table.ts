import { renderPartHead } from '../goals.js';
import { median, quotients, spread } from '../statistics.js';
import type { S3Figures, S3SetFigures } from './measure.js';

/** The part of the results about files to an S3 server; `ground` says when, where and with which versions. */
export function renderS3({ rounds, sets, minutes }: S3Figures, ground: readonly string[]): string {
  const both = quotients(sumOf(sets, rcloneOf), sumOf(sets, storeOf));
  const peak = Math.max(...sets.flatMap(({ store }) => store.map(({ peakMegabytes }) => peakMegabytes)));
  return [
    ...renderPartHead({
      title: `Files to an S3 server, with reading back (${rounds} rounds)`,
      part: 's3',
      figures: [
        'Times are seconds, medians with least and most in brackets; ratios are of the same round,',
        'above 1 the store is the faster one.',
      ],
      ground,
      minutes,
      goals: [
        {
          name: 'both together against `rclone copy` and `rclone check --download`: ≥ 0.8 ×',
          measured: `${spread(both)} ×`,
          reached: median(both) >= 0.8,
        },
        { name: 'peak memory < 400 MB', measured: `${peak.toFixed(0)} MB`, reached: peak < 400 },
      ],
    }),
    '',
    '| | store | `rclone copy`, `rclone check --download` | ratio | peak memory of the store, MB |',
    '|---|---|---|---|---|',
    ...sets.map(
      (figures) =>
        `| ${[
          figures.set.name,
          spread(storeOf(figures)),
          spread(rcloneOf(figures)),
          spread(quotients(rcloneOf(figures), storeOf(figures))),
          spread(
            figures.store.map(({ peakMegabytes }) => peakMegabytes),
            0,
          ),
        ].join(' | ')} |`,
    ),
    '',
    'Store and server (SeaweedFS, on the disk) share the machine. The store is a process of its own that reads each path as a migration does, in two lanes of',
    'pages of 256 files, 16 at a time; a content of up to 8 MiB is one conditional request, and is looked for once more before its row could commit; a larger one goes in',
    'parts of 16 MiB, which the server then joins. Then the store is opened anew and every content is read and hashed. rclone has 16 transfers and parts of',
    '16 MiB. In each round every object that either leaves is read once more and compared with the source, outside the times.',
  ].join('\n');
}

const storeOf = ({ store }: S3SetFigures) => store.map(({ seconds }) => seconds);
const rcloneOf = ({ rclone }: S3SetFigures) => rclone;

/** Of each round both sets together. */
function sumOf(sets: readonly S3SetFigures[], timesOf: (figures: S3SetFigures) => readonly number[]) {
  const [first] = sets;
  if (first === undefined) return [];
  return timesOf(first).map((_, round) => sets.reduce((sum, one) => sum + (timesOf(one)[round] ?? Number.NaN), 0));
}
