import type { CopyRow } from '../../../postgres/copy-binary.js';
import { type Databases, dropConnection } from '../../../postgres/databases.js';
import type { BlobInfo } from '../../../storage/blob-store.js';
import { type FetchContext, fetchContents } from '../../contents/fetch-contents.js';
import type { RowContents } from '../../contents/row-contents.js';
import { integerReader, type LeftOutParents } from '../left-out-parents.js';
import type { ConvertedRow, RowMapping, WithheldRow } from '../row-mapping.js';
import { withholder } from './read-converted.js';
import { readSource, type SourceSelection } from './read-source.js';

/** A page of source rows whose files are read before any of them commits: no read of legacy stays open meanwhile. */
export interface SourcePage {
  readonly rows: readonly CopyRow[];
  /** False where the selection has more rows than the page took. */
  readonly isWhole: boolean;
}

export const pageRows = 256;
/** Of rows, not of their files. */
const pageBytes = 8 * 1024 * 1024;

export async function readPage(
  databases: Databases,
  mapping: RowMapping,
  selection: SourceSelection,
  sessionName: string,
): Promise<SourcePage> {
  const reader = await databases.connect('legacy', sessionName);
  try {
    const rows: CopyRow[] = [];
    let bytes = 0;
    for await (const group of readSource(reader, mapping, selection)) {
      for (const row of group) {
        rows.push(row);
        bytes += sizeOf(row, mapping);
        if (rows.length >= pageRows || bytes >= pageBytes) return { rows, isWhole: false };
      }
    }
    return { rows, isWhole: true };
  } finally {
    await dropConnection(reader);
  }
}

function sizeOf(row: CopyRow, { source }: RowMapping): number {
  const last = source.columns.length - 1;
  return row.start(last) + 4 + Math.max(0, row.length(last)) - row.start(0);
}

/** A page with its contents in the store. */
export interface FetchedPage {
  readonly rows: readonly (ConvertedRow | WithheldRow)[];
  readonly contents: readonly BlobInfo[];
}

/** Fetches what the rows name and converts them; what has no content is rejected. Rows that follow a reject are not looked at. */
export async function fetchPage(
  mapping: RowMapping,
  contents: RowContents,
  rows: readonly CopyRow[],
  movedAt: Buffer,
  parents: LeftOutParents | undefined,
  context: FetchContext,
): Promise<FetchedPage> {
  const withheld = await (parents && withholder(mapping, parents)(rows));
  const wanted = rows.flatMap((row, place) => (withheld?.[place] === undefined ? [row] : []));
  const found = await fetchContents(contents, wanted, context);
  const contentOf = new Map(wanted.map((row, place) => [row, found[place]]));
  const convert = mapping.converter(movedAt);
  const idOf = integerReader(mapping, mapping.source.key);
  const converted = rows.map((row, place): ConvertedRow | WithheldRow => {
    const left = withheld?.[place];
    if (left !== undefined) return left;
    const content = contentOf.get(row);
    if (content?.kind !== 'unfit') return convert(row, content);
    const { reason, detail } = content;
    return { kind: 'reject', id: idOf(row) ?? 0n, reason, detail, payload: mapping.payload(row) };
  });
  return { rows: converted, contents: found.flatMap((one) => (one.kind === 'content' ? [one] : [])) };
}
