import { Random } from '../random.js';
import { type OrdinaryFile, ordinaryFile } from './ordinary-file.js';
import type { Entry, FileRow, ResultRow } from './rows.js';
import { type SpecialSet, specialOf } from './special/special-files.js';

export interface PaperworkSettings {
  /** How many rows of files there are. */
  readonly files: number;
  readonly seed: number;
  readonly special: SpecialSet;
}

export interface Paperwork {
  readonly files: readonly FileRow[];
  readonly results: readonly ResultRow[];
  /** What lies in the folder: links after what they link. */
  readonly entries: readonly Entry[];
  /** The special names of `expected.json`, by the ids of their rows. */
  readonly specialFiles: ReadonlyMap<string, number>;
  readonly specialResults: ReadonlyMap<string, number>;
}

/**
 * Rows of `paperwork_files` and `paperwork_results` as ten years leave them, and what lies in the folder, the same for the same settings.
 * Special files are spread among the ordinary ones.
 */
export function generatePaperwork({ files, seed, special: set }: PaperworkSettings): Paperwork {
  const random = new Random(seed);
  const special = specialOf(set);
  const withRow = special.files.filter(({ row }) => row !== undefined);
  if (withRow.length >= files) throw new Error(`${files} files are fewer than the special ones, ${withRow.length}.`);
  const made: {
    files: FileRow[];
    results: ResultRow[];
    entries: Entry[];
    specialFiles: Map<string, number>;
    specialResults: Map<string, number>;
  } = { files: [], results: [], entries: [], specialFiles: new Map(), specialResults: new Map() };
  let resultId = 0;
  const addResult = (row: Partial<ResultRow>, fileId: number) => {
    resultId += random.chance(0.05) ? random.between(2, 9) : 1;
    made.results.push({ ...ordinaryResult(random, 'text'), file_id: fileId, ...row, id: resultId });
    return resultId;
  };
  let id = 0;
  let spread = 0;
  for (let place = 0; place < files; place++) {
    id += random.chance(0.05) ? random.between(2, 40) : 1;
    const one = place === Math.floor(((spread + 0.5) * files) / withRow.length) ? withRow[spread] : undefined;
    if (one?.row !== undefined) {
      spread++;
      made.files.push({ ...usual, ...one.row, id });
      made.specialFiles.set(one.name, id);
      for (let count = 0; count < (one.results ?? 0); count++) addResult({}, id);
      continue;
    }
    const { row, entry }: OrdinaryFile = ordinaryFile(random, id);
    made.files.push(row);
    made.entries.push(entry);
    for (const [kind, share] of shares) if (random.chance(share)) addResult(ordinaryResult(random, kind), id);
    // One of them follows every ordinary file until there is none left.
    const result = special.results[made.specialResults.size];
    if (result !== undefined) made.specialResults.set(result.name, addResult(result.row, id));
  }
  made.entries.push(...special.files.flatMap(({ entries }) => entries));
  return made;
}

const usual: Omit<FileRow, 'id' | 'path'> = {
  size: null,
  mime_type: 'text/plain',
  metadata: '{}',
  created_at: '2017-03-03 00:00:00+00',
};

/** Of a hundred files, how many have a result of a kind. */
const shares = [
  ['text', 0.9],
  ['classify', 0.5],
  ['tables', 0.2],
] as const;

function ordinaryResult(random: Random, kind: (typeof shares)[number][0]): Omit<ResultRow, 'id' | 'file_id'> {
  const results = {
    text: { text: `제${random.between(1, 99)}호 문서의 본문`, pages: random.between(1, 9) },
    classify: { label: random.pick(['계약', '영수증', '신청', '기타']), score: random.between(500, 999) / 1000 },
    tables: {
      tables: [
        [
          ['항목', '금액'],
          ['상담', `${random.between(1, 90)}000`],
        ],
      ],
    },
  };
  const created = new Date(Date.UTC(2018, 0, 1) + random.between(0, 2_000_000) * 60_000);
  return { kind, result: JSON.stringify(results[kind]), created_at: created.toISOString() };
}
