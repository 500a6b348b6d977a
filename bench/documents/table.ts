import { type Goal, renderPartHead } from '../goals.js';
import { median, quotients, spread } from '../statistics.js';
import type { DocumentFigures } from './measure.js';

const minRatio = 0.8;
/** The largest of the second half against the largest of the first. */
const maxGrowth = 1.25;

/** The part of the results about reading documents; `ground` says when, where and with which versions. */
export function renderDocuments(figures: DocumentFigures, ground: readonly string[]): string {
  const { rounds, sets, memory, minutes } = figures;
  const megabytes = memory.peakBytes.map((bytes) => (bytes / 1e6).toFixed(0));
  return [
    ...renderPartHead({
      title: `Reading documents (${rounds} rounds)`,
      part: 'documents',
      figures: [
        'Times are seconds, medians with least and most in brackets; ratios are of the same round,',
        'above 1 the pool is the faster one.',
      ],
      ground,
      minutes,
      goals: goalsOf(figures),
    }),
    '',
    '| | pool | library in a plain loop | ratio |',
    '|---|---|---|---|',
    ...sets.map(
      ({ document, pool, bare }) =>
        `| ${document.name} | ${spread(pool)} | ${spread(bare)} | ${spread(quotients(bare, pool))} |`,
    ),
    '',
    'The pool has one process, which opens the file, finds out what it is, and sends page after page back. The library has a process',
    'of its own without pool, limits and messages. For text it reads the same file. For recognition it is given pages that were made ready',
    'before its time began, and recognises each as often as the pool does: Hangul that may have been taken for Latin letters twice. Both have',
    'read a page before. Texts are equal in each round, else the bench fails.',
    '',
    `Memory of the ${memory.processes} processes together over ${memory.documents} documents, a scan among ten, the largest in each tenth: ${megabytes.join(', ')} MB.`,
    'A process is replaced after 50 documents.',
  ].join('\n');
}

function goalsOf({ sets, memory }: DocumentFigures): readonly Goal[] {
  const half = Math.floor(memory.peakBytes.length / 2);
  const growth = Math.max(...memory.peakBytes.slice(half)) / Math.max(...memory.peakBytes.slice(0, half));
  return [
    ...sets.map(({ document, pool, bare }) => {
      const ratios = quotients(bare, pool);
      return {
        name: `${document.name}: ≥ ${minRatio} × the library`,
        measured: `${spread(ratios)} ×`,
        reached: median(ratios) >= minRatio,
      };
    }),
    {
      name: `memory flat over ${memory.documents} documents: second half ≤ ${maxGrowth} × the first`,
      measured: `${growth.toFixed(2)} ×`,
      reached: growth <= maxGrowth,
    },
  ];
}
